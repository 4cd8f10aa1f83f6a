// What has come over one connection and gone: for statistics, and for the heartbeat, which asks whether anything did.

export class Traffic {
  receivedBytes = 0;
  receivedChunks = 0;
  sentBytes = 0;
  sentChunks = 0;
  #receivedBefore = 0;

  received(bytes: number): void {
    this.receivedBytes += bytes;
    this.receivedChunks += 1;
  }

  sent(bytes: number): void {
    this.sentBytes += bytes;
    this.sentChunks += 1;
  }

  /** Whether anything was received since this was asked last. */
  takeHasReceived(): boolean {
    const hasReceived = this.receivedChunks > this.#receivedBefore;
    this.#receivedBefore = this.receivedChunks;
    return hasReceived;
  }
}
