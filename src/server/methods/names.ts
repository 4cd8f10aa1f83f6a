// Names of queues and exchanges as clients send them.

/** RabbitMQ takes line breaks out of names; so do we. */
export function cleanName(name: string): string {
  return /[\r\n]/.test(name) ? name.replace(/[\r\n]/g, '') : name;
}
