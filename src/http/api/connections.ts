// /connections: who is connected. Those who do not monitor see their own connections only.
import type { VHost } from '../../broker/vhost.ts';
import { AmqpError } from '../../protocol/amqp-error.ts';
import { ReplyCode } from '../../protocol/methods.generated.ts';
import type { Connection } from '../../server/connection.ts';
import type { ApiContext } from '../api-context.ts';
import type { Caller } from '../caller.ts';
import { type JsonTable, tableToJson } from '../field-table-json.ts';
import { notAuthorised, objectNotFound } from '../http-error.ts';
import { itemWithColumns, listOf } from '../list.ts';
import { type Call, noContent, type Route } from '../route.ts';
import { type RateDetails, ratedNow, windowOf } from '../statistics/rates.ts';
import { channelItem } from './channels.ts';
import { hostOf, pidOf } from './details.ts';

const TRAFFIC = ['recv_oct', 'send_oct'];

export interface ConnectionItem {
  readonly name: string;
  readonly pid: string;
  readonly user: string;
  readonly user_who_performed_action: string;
  readonly vhost: string;
  readonly node: string;
  readonly state: string;
  readonly protocol: string;
  readonly type: 'network';
  readonly auth_mechanism: string;
  readonly client_properties: JsonTable;
  readonly user_provided_name?: string;
  readonly host: string;
  readonly port: number;
  readonly peer_host: string;
  readonly peer_port: number;
  readonly ssl: boolean;
  readonly ssl_cipher: null;
  readonly ssl_hash: null;
  readonly ssl_key_exchange: null;
  readonly ssl_protocol: null;
  readonly peer_cert_subject: null;
  readonly peer_cert_issuer: null;
  readonly peer_cert_validity: null;
  readonly channel_max: number;
  readonly frame_max: number;
  /** The heartbeat, in seconds; 0 = none. */
  readonly timeout: number;
  readonly connected_at: number;
  readonly channels: number;
  readonly recv_cnt: number;
  readonly send_cnt: number;
  readonly send_pend: number;
  readonly recv_oct?: number;
  readonly recv_oct_details?: RateDetails;
  readonly send_oct?: number;
  readonly send_oct_details?: RateDetails;
}

/** Connections that are through the handshake: before, nobody knows whose they are. */
function opened(context: ApiContext): Connection[] {
  return [...context.server.connections].filter(({ session }) => session !== undefined);
}

function mayWatch(caller: Caller, connection: Connection): boolean {
  return caller.opens('monitoring') || connection.session?.user.name === caller.name;
}

export function watched(
  { context, caller }: Pick<Call, 'context' | 'caller'>,
  vhost?: VHost,
): Connection[] {
  return opened(context)
    .filter((connection) => vhost === undefined || connection.session?.vhost === vhost)
    .filter((connection) => mayWatch(caller, connection));
}

function stateOf({ phase, block }: Connection): string {
  if (phase !== 'running') return phase;
  if (!block.isTold) return 'running';
  return block.isHeld ? 'blocked' : 'blocking';
}

function connectionItem(connection: Connection, { context, query }: Call): ConnectionItem {
  const { transport, handshake, output, session } = connection;
  const { tuning, clientProperties } = handshake;
  const properties = tableToJson(clientProperties);
  const { connection_name: given } = properties;
  const rates = ratedNow(
    context.statistics.connections,
    connection,
    TRAFFIC,
    windowOf(query, 'data_rates'),
  );
  return {
    name: connection.name,
    pid: pidOf(context.node, context.startedAtMs, connection.id),
    user: session?.user.name ?? '',
    user_who_performed_action: session?.user.name ?? '',
    vhost: session?.vhost.name ?? '',
    node: context.node,
    state: stateOf(connection),
    protocol: 'AMQP 0-9-1',
    type: 'network',
    auth_mechanism: handshake.mechanism,
    client_properties: properties,
    ...(typeof given === 'string' ? { user_provided_name: given } : {}),
    host: hostOf(transport.local.host),
    port: transport.local.port,
    peer_host: hostOf(transport.remote.host),
    peer_port: transport.remote.port,
    ssl: false,
    ssl_cipher: null,
    ssl_hash: null,
    ssl_key_exchange: null,
    ssl_protocol: null,
    peer_cert_subject: null,
    peer_cert_issuer: null,
    peer_cert_validity: null,
    channel_max: tuning?.channelMax ?? 0,
    frame_max: tuning?.frameMax ?? 0,
    timeout: tuning?.heartbeat ?? 0,
    connected_at: connection.connectedAtMs,
    channels: connection.channels.size,
    recv_cnt: output.traffic.receivedChunks,
    send_cnt: output.traffic.sentChunks,
    send_pend: output.waitingBytes,
    ...rates,
  };
}

/** @throws HttpError 404, or 401 for somebody else's. */
function named({ context, caller, params }: Call): Connection {
  const connection = opened(context).find(({ name }) => name === params.name);
  if (!connection) throw objectNotFound();
  if (!mayWatch(caller, connection)) throw notAuthorised('User not authorised to access object');
  return connection;
}

const DEFAULT_REASON = 'Closed via management plugin';

/** As RabbitMQ, 320 with the reason in the text. */
function close(connection: Connection, { headers }: Call): void {
  const given = headers['x-reason'];
  const reason = typeof given === 'string' && given !== '' ? given : DEFAULT_REASON;
  connection.log('info', `closing AMQP connection: ${reason}`);
  connection.close(new AmqpError(ReplyCode.CONNECTION_FORCED, reason, 0));
}

const list = (connections: readonly Connection[], call: Call) =>
  listOf(
    connections,
    ({ name }) => name,
    (connection) => connectionItem(connection, call),
    call.query,
  );

export const connectionRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/connections',
    gate: 'management',
    summary: 'All open connections',
    run: (call) => list(watched(call), call),
  },
  {
    method: 'GET',
    path: '/vhosts/:vhost/connections',
    gate: 'management',
    summary: 'The open connections of a vhost',
    run: (call) => list(watched(call, call.vhost), call),
  },
  {
    method: 'GET',
    path: '/connections/username/:user',
    gate: 'management',
    summary: 'The open connections of a user',
    run: (call) =>
      list(
        watched(call).filter(({ session }) => session?.user.name === call.params.user),
        call,
      ),
  },
  {
    method: 'DELETE',
    path: '/connections/username/:user',
    gate: 'management',
    summary: 'Closes the connections of a user; the header X-Reason says why',
    run(call) {
      for (const connection of watched(call)) {
        if (connection.session?.user.name === call.params.user) close(connection, call);
      }
      return noContent;
    },
  },
  {
    method: 'GET',
    path: '/connections/:name',
    gate: 'management',
    summary: 'One connection',
    run: (call) => itemWithColumns(connectionItem(named(call), call), call.query),
  },
  {
    method: 'DELETE',
    path: '/connections/:name',
    gate: 'management',
    summary: 'Closes a connection; the header X-Reason says why',
    run(call) {
      close(named(call), call);
      return noContent;
    },
  },
  {
    method: 'GET',
    path: '/connections/:name/channels',
    gate: 'management',
    summary: 'The channels of a connection',
    run: (call) =>
      listOf(
        [...named(call).channels.values()],
        ({ number }) => String(number),
        (channel) => channelItem(channel, call),
        call.query,
      ),
  },
];
