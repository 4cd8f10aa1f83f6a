// One AMQP connection: bytes in, frames to channels, everything that goes out in one write per turn. Catches what handlers
// throw: soft errors close their channel, hard ones the connection.
import type { Broker } from '../broker/broker.ts';
import type { Principal } from '../broker/principal.ts';
import type { TurnTask } from '../broker/turn.ts';
import type { VHost } from '../broker/vhost.ts';
import type { Timer } from '../platform/clock.ts';
import type { LogCategory, LogLevel } from '../platform/log.ts';
import type { ReadBlock, Transport, TransportHandler } from '../platform/transport.ts';
import { AmqpError } from '../protocol/amqp-error.ts';
import { FrameParser } from '../protocol/frame-parser.ts';
import { type Method, methodIds, ReplyCode } from '../protocol/methods.generated.ts';
import type { Channel } from './channel.ts';
import { ChannelTable } from './channel-table.ts';
import { certificateName, loginHost, type Tuning } from './connection-settings.ts';
import { FrameRouter, type Phase, type RouterHost } from './frame-router.ts';
import { Handshake, LoginRefused } from './handshake.ts';
import { Heartbeat, type HeartbeatHost } from './heartbeat.ts';
import { Output } from './output.ts';
import { PROTOCOL_HEADER, ProtocolHeader } from './protocol-header.ts';
import { PublisherBlock } from './publisher-block.ts';
import { ReadGate, type ShutReason } from './read-gate.ts';
import type { ServerContext } from './server.ts';
import { Session } from './session.ts';
import { UnfinishedContent } from './unfinished-content.ts';
import { Waits } from './waits.ts';

/** How long a peer may take to answer our close. */
const CLOSE_TIMEOUT_MS = 30_000;
/** A peer that cannot be told its login was refused is left waiting this long, so that guessing is slow. */
const REFUSED_LOGIN_DELAY_MS = 3_000;

export class Connection implements TransportHandler, RouterHost, HeartbeatHost, TurnTask {
  readonly broker: Broker;
  readonly id: number;
  readonly name: string;
  readonly connectedAtMs: number;
  readonly output: Output;
  isScheduled = false;
  readonly #context: ServerContext;
  readonly transport: Transport;
  readonly #parser: FrameParser;
  readonly handshake: Handshake;
  readonly router: FrameRouter;
  readonly #header = new ProtocolHeader();
  readonly channels: ChannelTable;
  readonly #gate: ReadGate;
  /** Feels the alarms. */
  readonly block: PublisherBlock;
  readonly unfinished: UnfinishedContent;
  /** Channels that have publishes to acknowledge at the end of the turn. */
  #confirming: Channel[] = [];
  phase: Phase = 'header';
  session: Session | undefined;
  #heartbeat: Heartbeat | undefined;
  #timeout: Timer | undefined;
  readonly waits: Waits;

  constructor(context: ServerContext, transport: Transport) {
    const { remote, local } = transport;
    this.#context = context;
    this.broker = context.broker;
    this.id = context.nextConnectionId();
    this.connectedAtMs = this.broker.services.clock.now();
    this.name = `${remote.host}:${remote.port} -> ${local.host}:${local.port}`;
    this.transport = transport;
    const { frameMax } = context.settings.tuning;
    this.output = new Output(transport, context.pool, frameMax, () => this.#relieved());
    this.#gate = new ReadGate(transport);
    this.block = new PublisherBlock(context.broker.alarms, context.broker.store, {
      tell: (method) => {
        if (this.phase === 'running' && this.peerKnows('connection.blocked')) this.send(0, method);
      },
      hold: () => this.#stopReading('alarm'),
      goOn: () => this.#goOnReading('alarm'),
    });
    this.waits = new Waits({
      phaseOf: () => this.phase,
      stopReading: () => this.#stopReading('wait'),
      goOnReading: () => this.#goOnReading('wait'),
      failed: (error) => this.fail(error, this.router.channelNumber),
    });
    this.channels = new ChannelTable((number) => this.session!.openChannel(number));
    this.router = new FrameRouter(this, this.channels, frameMax);
    this.#parser = new FrameParser(this.router, frameMax);
    this.handshake = new Handshake(this, context.serverProperties, context.settings);
    const { maxMessageBytes, memoryLimitBytes } = context.broker.options;
    this.unfinished = new UnfinishedContent(maxMessageBytes, memoryLimitBytes, (deltaBytes) =>
      this.broker.store.account(deltaBytes),
    );
  }

  get certificateName(): string | undefined {
    return certificateName(this.transport, this.#context.settings);
  }

  get remoteHost(): string {
    return loginHost(this.transport);
  }

  start(): void {
    this.#startTimeout(this.#context.settings.handshakeTimeoutMs, () => {
      this.log('warning', 'closing AMQP connection: handshake timed out');
      this.transport.destroy();
    });
    this.transport.start(this);
  }

  log(level: LogLevel, message: string, category: LogCategory = 'connection'): void {
    this.broker.services.log.write(level, `${message} (${this.name})`, category);
  }

  // --- bytes in

  data(block: ReadBlock, at: number, end: number): void {
    this.output.traffic.received(end - at);
    let from = at;
    if (this.phase === 'header') {
      from = this.#header.take(block.bytes, at, end);
      if (!this.#headerIsFine()) return;
    }
    this.#parse(() => this.#parser.push(block, from, end));
  }

  /** True once the header is whole and ours. */
  #headerIsFine(): boolean {
    const verdict = this.#header.verdict;
    if (verdict === 'incomplete') return false;
    if (verdict === 'accepted') {
      this.phase = 'handshake';
      this.log('debug', 'accepting AMQP connection');
      this.handshake.start();
      return true;
    }
    this.log('warning', `closing connection: ${this.#header.guess}`);
    this.output.writer.raw(PROTOCOL_HEADER);
    this.#finish();
    return false;
  }

  /** What the parser itself throws is broken framing: nobody can tell where the next frame begins. */
  #parse(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.router.methodId = 0;
      this.fail(error, 0);
      this.#parser.stop();
      this.output.flush();
      this.transport.end();
    }
  }

  // --- channel 0

  connectionMethod(method: Method): void {
    if (method.name === 'connection.close') {
      this.#release();
      this.send(0, { name: 'connection.close-ok' });
      this.log('info', 'closing AMQP connection');
      this.#finish();
    } else if (this.phase === 'handshake') {
      if (!this.handshake.expects(method)) throw this.outOfPlace();
      this.#handshakeStep(method);
    } else if (method.name === 'connection.update-secret') {
      this.session?.updateSecret(method);
    } else {
      throw this.outOfPlace();
    }
  }

  #handshakeStep(method: Method): void {
    try {
      this.handshake.method(method);
    } catch (error) {
      this.waits.askFirst(error, () => this.handshake.method(method));
    }
  }

  mayPublish(): boolean {
    return this.block.mayPublish();
  }

  outOfPlace(): AmqpError {
    const state = this.phase === 'handshake' ? this.handshake.state : this.phase;
    return new AmqpError(ReplyCode.CHANNEL_ERROR, `unexpected method in connection state ${state}`);
  }

  methodWhileClosing(methodId: number): void {
    if (methodId === methodIds['connection.close-ok']) this.#finish();
    if (methodId === methodIds['connection.close']) {
      this.send(0, { name: 'connection.close-ok' });
    }
  }

  tuned(tuning: Tuning): void {
    this.channels.max = tuning.channelMax;
    this.#parser.frameMax = tuning.frameMax;
    this.router.frameMax = tuning.frameMax;
    this.output.writer.frameMax = tuning.frameMax;
    this.#heartbeat = new Heartbeat(this.broker.services.clock, this, tuning.heartbeat);
  }

  opened(user: Principal, vhost: VHost): void {
    this.#timeout?.cancel();
    this.session = new Session(this, user, vhost, this.channels);
    this.phase = 'running';
    this.log(
      'info',
      `user '${user.name}' authenticated and granted access to vhost '${vhost.name}'`,
    );
  }

  /** Whether the client declared a capability in its properties. */
  peerKnows(capability: string): boolean {
    return this.handshake.clientKnows(capability);
  }

  // --- errors

  fail(error: unknown, channelNumber: number): void {
    if (error instanceof LoginRefused) {
      this.#refuseLogin(error);
      return;
    }
    const channel = this.channels.get(channelNumber);
    if (error instanceof AmqpError && !error.isHard && channel) {
      this.log('warning', `channel ${channelNumber}: ${error.message}`, 'channel');
      this.channels.fail(channel, error, this.router.methodId);
      return;
    }
    if (!(error instanceof AmqpError)) {
      const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.log('error', `internal error, please report it: ${trace}`);
    }
    const known =
      error instanceof AmqpError
        ? error
        : new AmqpError(ReplyCode.INTERNAL_ERROR, 'internal error, see the broker log');
    this.close(known, channelNumber);
  }

  /** Clients that understand are told at once; others only see the socket close, after a while. */
  #refuseLogin(error: LoginRefused): void {
    this.log('warning', `login refused: ${error.reason}`);
    if (this.peerKnows('authentication_failure_close')) {
      this.close(error, 0);
      return;
    }
    this.#parser.stop();
    this.#startTimeout(REFUSED_LOGIN_DELAY_MS, () => this.transport.destroy());
  }

  /** Closes with a reason, gives back all that the connection holds, and waits for the peer's answer. */
  close(error: AmqpError, channelNumber = 0): void {
    if (this.phase === 'closing' || this.phase === 'closed') return;
    if (this.phase === 'header') {
      this.#finish();
      return;
    }
    if (error.code !== ReplyCode.CONNECTION_FORCED) {
      this.log('error', `closing AMQP connection, channel ${channelNumber}: ${error.message}`);
    }
    this.phase = 'closing';
    this.#release();
    const methodId = error.methodId ?? this.router.methodId;
    this.send(0, {
      name: 'connection.close',
      replyCode: error.code,
      replyText: error.replyText,
      classId: methodId >>> 16,
      methodId: methodId & 0xffff,
    });
    this.#startTimeout(CLOSE_TIMEOUT_MS, () => this.transport.destroy());
    // The answer lies behind whatever was not read so far.
    this.#gate.openWide();
    this.#parse(() => this.#parser.resume());
  }

  /** Gives back everything: channels with what they hold, queues that were this connection's alone. */
  #release(): void {
    this.channels.releaseAll();
    this.session?.end();
  }

  /** Sends what is left and ends the socket; a peer that does not end its side is dropped after a while. */
  #finish(): void {
    this.phase = 'closed';
    this.#parser.stop();
    this.output.flush();
    this.transport.end();
    this.#startTimeout(CLOSE_TIMEOUT_MS, () => this.transport.destroy());
  }

  destroy(): void {
    this.transport.destroy();
  }

  /** A peer that ends its side without a connection.close has gone, whatever it may still read. */
  ended(): void {
    if (this.phase !== 'closed') this.transport.destroy();
  }

  closed(error: Error | undefined): void {
    if (this.phase === 'running') {
      const reason = error?.message ?? 'client unexpectedly closed TCP connection';
      this.log('warning', `closing AMQP connection: ${reason}`);
    } else if (this.phase === 'header') {
      this.log('debug', 'connection closed before a protocol header came');
    }
    this.phase = 'closed';
    this.#parser.stop();
    this.#timeout?.cancel();
    this.#heartbeat?.stop();
    this.#release();
    this.#context.connectionClosed(this);
  }

  #startTimeout(ms: number, run: () => void): void {
    this.#timeout?.cancel();
    this.#timeout = this.broker.services.clock.after(ms, run);
  }

  // --- bytes out

  send(channel: number, method: Method): void {
    if (this.phase === 'closed') return;
    this.output.writer.method(channel, method);
    this.sendLater();
    if (this.output.isFlooded) this.#stopReading('flood');
  }

  /** Something was written; it leaves at the end of the turn. */
  sendLater(): void {
    if (!this.isScheduled) this.broker.turn.flushLater(this);
  }

  /** A channel has publishes to acknowledge at the end of the turn. */
  confirmLater(channel: Channel): void {
    this.#confirming.push(channel);
    this.sendLater();
  }

  endTurn(): void {
    for (const channel of this.#confirming) channel.sendConfirms();
    if (this.#confirming.length > 0) this.#confirming = [];
    this.output.flush();
    if (this.output.isFlooded) this.#stopReading('flood');
  }

  /** Nothing more is read, or done, until `#goOnReading` for the same reason. */
  #stopReading(reason: ShutReason): void {
    this.#parser.suspend();
    this.#gate.shut(reason);
  }

  #goOnReading(reason: ShutReason): void {
    this.#gate.open(reason);
    if (!this.#gate.isShut) this.#parse(() => this.#parser.resume());
  }

  /** The peer has taken most of what was waiting. */
  #relieved(): void {
    if (this.#gate.isShutFor('flood')) this.#goOnReading('flood');
    for (const channel of this.channels.values()) channel.consumersReady();
  }

  takeHasSent(): boolean {
    const { hasSent } = this.output;
    this.output.hasSent = false;
    return hasSent;
  }

  takeHasReceived(): boolean {
    // A peer that we do not read cannot be heard. But one that floods us must go on taking what it asked for.
    const isTaking = this.output.takeHasMoved() && this.#gate.isShutFor('flood');
    const heard =
      this.output.traffic.takeHasReceived() ||
      this.#gate.isShutFor('alarm') ||
      this.#gate.isShutFor('wait') ||
      isTaking;
    return heard;
  }

  sendHeartbeat(): void {
    this.output.writer.heartbeat();
    this.sendLater();
  }

  heartbeatsMissed(): void {
    this.log('warning', 'closing AMQP connection: missed heartbeats from client');
    this.transport.destroy();
  }
}
