// Topic exchange: keys are words between dots; in a binding key `*` stands for exactly one word and `#` for any number.
//
// The binding keys form a trie, which a routing key walks word by word with the set of nodes it may be at (as an automaton
// is run). So the work is bounded by words times nodes: no pattern makes it backtrack.
import type { Binding, Destination } from '../binding.ts';
import type { ExchangeType, RoutedMessage } from './exchange-type.ts';

class Node {
  readonly parent: Node | undefined;
  readonly word: string;
  readonly children = new Map<string, Node>();
  readonly bindings = new Set<Binding>();
  /** The step in which this node was last reached, so that it is taken once per step. */
  reachedIn = 0;

  /** The children `*` and `#`, which are among the others too. */
  star: Node | undefined;
  hash: Node | undefined;

  constructor(parent: Node | undefined, word: string) {
    this.parent = parent;
    this.word = word;
  }

  get isHash(): boolean {
    return this.parent !== undefined && this.word === '#';
  }

  add(child: Node): void {
    this.children.set(child.word, child);
    if (child.word === '*') this.star = child;
    if (child.word === '#') this.hash = child;
  }

  remove(child: Node): void {
    this.children.delete(child.word);
    if (child === this.star) this.star = undefined;
    if (child === this.hash) this.hash = undefined;
  }
}

export class TopicExchange implements ExchangeType {
  readonly routesByKeyAlone = true;
  readonly #root = new Node(undefined, '');
  #step = 0;
  /** Kept from one message to the next, so that routing allocates little. */
  readonly #reached: Node[] = [];
  readonly #next: Node[] = [];

  check(): void {}

  bind(binding: Binding): void {
    let node = this.#root;
    for (const word of wordsOf(binding.routingKey)) {
      let child = node.children.get(word);
      if (!child) {
        child = new Node(node, word);
        node.add(child);
      }
      node = child;
    }
    node.bindings.add(binding);
  }

  unbind(binding: Binding): void {
    let node: Node | undefined = this.#root;
    for (const word of wordsOf(binding.routingKey)) node = node?.children.get(word);
    node?.bindings.delete(binding);
    while (node?.parent && node.bindings.size === 0 && node.children.size === 0) {
      node.parent.remove(node);
      node = node.parent;
    }
  }

  route(message: RoutedMessage, found: Set<Destination>): void {
    for (const routingKey of message.routingKeys) this.#route(routingKey, found);
  }

  #route(routingKey: string, found: Set<Destination>): void {
    let reached = this.#reached;
    let next = this.#next;
    reached.length = 0;
    this.#step += 1;
    this.#reach(this.#root, reached);
    for (let at = 0; at < routingKey.length || (at === routingKey.length && at > 0); ) {
      const dot = routingKey.indexOf('.', at);
      const end = dot < 0 ? routingKey.length : dot;
      this.#advance(reached, routingKey.slice(at, end), next);
      [reached, next] = [next, reached];
      at = end + 1;
    }
    for (const node of reached) for (const { destination } of node.bindings) found.add(destination);
  }

  /** Where one more word leads from the nodes that were reached so far. */
  #advance(reached: readonly Node[], word: string, next: Node[]): void {
    next.length = 0;
    this.#step += 1;
    for (const node of reached) {
      // `#` takes any number of words: it stays where it is.
      if (node.isHash) this.#reach(node, next);
      if (node.children.size === 0) continue;
      // The words `*` and `#` in a routing key are words as others; here they would find the patterns' nodes.
      const literal = word === '*' || word === '#' ? undefined : node.children.get(word);
      if (literal) this.#reach(literal, next);
      if (node.star) this.#reach(node.star, next);
    }
  }

  /** Adds a node, and its `#` child, which needs no word to be reached. */
  #reach(node: Node, into: Node[]): void {
    for (let at: Node | undefined = node; at; at = at.hash) {
      if (at.reachedIn === this.#step) return;
      at.reachedIn = this.#step;
      into.push(at);
    }
  }
}

/** The empty key has no words at all; `a..b` has an empty one in the middle. */
function wordsOf(key: string): string[] {
  return key === '' ? [] : key.split('.');
}
