// What an operator does to the broker under test: by its own API for Leveret in memory, by rabbitmqctl for a RabbitMQ.
import type { Broker } from '../../src/broker/broker.ts';
import type { JsonObject } from '../../src/broker/json.ts';
import type { PermissionPatterns, TopicPermissionPatterns } from '../../src/broker/permission.ts';

export interface Operator {
  addVHost(name: string): Promise<void>;
  deleteVHost(name: string): Promise<void>;
  /** `{"max-connections": 1}`; all there are. */
  setVHostLimits(vhost: string, limits: JsonObject): Promise<void>;
  deleteUser(user: string): Promise<void>;
  changePassword(user: string, password: string): Promise<void>;
  setUserLimits(user: string, limits: JsonObject): Promise<void>;
  setPermissions(user: string, vhost: string, permissions: PermissionPatterns): Promise<void>;
  clearPermissions(user: string, vhost: string): Promise<void>;
  setTopicPermissions(
    user: string,
    vhost: string,
    exchange: string,
    permissions: TopicPermissionPatterns,
  ): Promise<void>;
  setPolicy(vhost: string, name: string, pattern: string, definition: JsonObject): Promise<void>;
  clearPolicy(vhost: string, name: string): Promise<void>;
}

export function brokerOperator(broker: Broker): Operator {
  const { users, vhosts } = broker;
  return {
    async addVHost(name) {
      vhosts.add(name);
    },
    async deleteVHost(name) {
      vhosts.delete(name);
    },
    async setVHostLimits(vhost, limits) {
      vhosts.require(vhost).setLimits(limits);
    },
    async deleteUser(user) {
      users.delete(user);
    },
    async changePassword(user, password) {
      users.setPassword(user, broker.hashPassword(password));
    },
    async setUserLimits(user, limits) {
      users.setLimits(user, limits);
    },
    async setPermissions(user, vhost, permissions) {
      users.setPermission(user, vhost, permissions);
    },
    async clearPermissions(user, vhost) {
      users.clearPermission(user, vhost);
    },
    async setTopicPermissions(user, vhost, exchange, permissions) {
      users.setTopicPermission(user, vhost, exchange, permissions);
    },
    async setPolicy(vhost, name, pattern, definition) {
      vhosts.require(vhost).policies.set('policy', { name, pattern, definition });
    },
    async clearPolicy(vhost, name) {
      vhosts.require(vhost).policies.clear('policy', name);
    },
  };
}

/** `ctl` runs rabbitmqctl with these arguments and fails when it does. */
export function ctlOperator(ctl: (...args: string[]) => Promise<void>): Operator {
  return {
    addVHost: (name) => ctl('add_vhost', name),
    deleteVHost: (name) => ctl('delete_vhost', name),
    setVHostLimits: (vhost, limits) => ctl('set_vhost_limits', '-p', vhost, JSON.stringify(limits)),
    deleteUser: (user) => ctl('delete_user', user),
    changePassword: (user, password) => ctl('change_password', user, password),
    setUserLimits: (user, limits) => ctl('set_user_limits', user, JSON.stringify(limits)),
    setPermissions: (user, vhost, { configure, write, read }) =>
      ctl('set_permissions', '-p', vhost, user, configure, write, read),
    clearPermissions: (user, vhost) => ctl('clear_permissions', '-p', vhost, user),
    setTopicPermissions: (user, vhost, exchange, { write, read }) =>
      ctl('set_topic_permissions', '-p', vhost, user, exchange, write, read),
    setPolicy: (vhost, name, pattern, definition) =>
      ctl('set_policy', '-p', vhost, name, pattern, JSON.stringify(definition)),
    clearPolicy: (vhost, name) => ctl('clear_policy', '-p', vhost, name),
  };
}
