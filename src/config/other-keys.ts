// RabbitMQ's keys that have no effect here, and why: a file that has them works, and says so once for each.

const WHY: readonly (readonly [pattern: RegExp, why: string])[] = [
  [/^cluster_(formation|partition_handling|keepalive_interval|tags)\b/, 'Leveret runs on one node'],
  [/^(mirroring_|queue_master_locator|queue_leader_locator|quorum_)/, 'Leveret runs on one node'],
  [/^(raft|khepri|mnesia_|metadata_store|ra)\b/, 'Leveret does not use Raft'],
  [/^(net_ticktime|distribution\.|inter_node|erlang\.)/, 'there is no Erlang here'],
  [/^deprecated_features\.permit\./, 'what RabbitMQ deprecates is allowed'],
  [/^mqtt\./, 'MQTT is not spoken'],
  [/^(stomp|web_stomp)\./, 'STOMP is not spoken'],
  [/^(web_mqtt|stream|amqp1_0)\./, 'only AMQP 0-9-1 is spoken'],
  [/^tcp_listen_options\./, 'the defaults are good; tell us if one is not'],
  [/^num_acceptors\./, 'there is one acceptor'],
  [
    /^ssl_options\.(depth|secure_renegotiate|client_renegotiation|reuse_sessions|honor_ecc_order|eccs?|dh|hibernate_after|log_level|bypass_pem_cache|password_file)\b/,
    "Node's TLS decides that",
  ],
  [/^ssl_handshake_timeout$/, 'handshake_timeout counts for TLS, too'],
  [/^ssl_cert_login_san_/, 'logins by EXTERNAL use the distinguished or the common name'],
  [
    /^(auth_backends|auth_http|auth_oauth2|auth_ldap|auth_cache)\b/,
    'only internal users are supported in this version',
  ],
  [
    /^(vm_memory_high_watermark_paging_ratio|vm_memory_calculation_strategy|memory_monitor_interval|total_memory_available_override_value|background_gc)/,
    'messages leave memory early in any case',
  ],
  [
    /^(lazy_queue|queue_index|msg_store|classic_queue|queue_explicit|credit_flow|collect_statistics|backing_queue|delegate)/,
    'our store has no such choice',
  ],
  [
    /^(hipe_compile|reverse_dns_lookups|product\.|motd_file|password_hashing_module|credential_validator|anonymous_login|sysmon_handler|proxy_protocol_)/,
    'not supported in this version',
  ],
  [
    /^(trace_vhosts|channel_operation_timeout|channel_tick_interval|max_permissions_cache|channel_max_per_node|consumer_max_per_channel|vhost_max|initial_frame_max|socket_writer|default_consumer_prefetch|default_limits|default_users|default_policies|message_interceptors)/,
    'not supported in this version',
  ],
  [/^log\.file\.rotation\.date$/, 'rotation is by size, or by leveretctl rotate_logs'],
  [/^log\./, 'there is no such category or output here'],
  [/^management\./, 'not supported in this version'],
  [
    /^(prometheus|shovel|federation|definitions|management_agent|heartbeat_|ssl_options|listeners|peer_discovery|plugins|aws|k8s|consul|etcd)\b/,
    'not supported in this version',
  ],
];

/** Why a key of RabbitMQ's does nothing; undefined when it is not one of them. */
export function whyWithoutEffect(key: string): string | undefined {
  return WHY.find(([pattern]) => pattern.test(key))?.[1];
}
