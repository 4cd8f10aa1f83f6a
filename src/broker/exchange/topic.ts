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

  constructor(parent: Node | undefined, word: string) {
    this.parent = parent;
    this.word = word;
  }
}

export class TopicExchange implements ExchangeType {
  readonly routesByKeyAlone = true;
  readonly #root = new Node(undefined, '');
  #step = 0;

  check(): void {}

  bind(binding: Binding): void {
    let node = this.#root;
    for (const word of wordsOf(binding.routingKey)) {
      let child = node.children.get(word);
      if (!child) {
        child = new Node(node, word);
        node.children.set(word, child);
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
      node.parent.children.delete(node.word);
      node = node.parent;
    }
  }

  route(message: RoutedMessage, found: Set<Destination>): void {
    let reached: Node[] = [];
    this.#step += 1;
    this.#reach(this.#root, reached);
    for (const word of wordsOf(message.routingKey)) {
      const next: Node[] = [];
      this.#step += 1;
      for (const node of reached) {
        const literal = node.children.get(word);
        // A routing key may hold the words `*` and `#`; they match as any other word, not as a pattern's child again.
        if (literal && word !== '*' && word !== '#') this.#reach(literal, next);
        const star = node.children.get('*');
        if (star) this.#reach(star, next);
        if (node.word === '#' && node.parent) this.#reach(node, next);
      }
      reached = next;
    }
    for (const node of reached) for (const { destination } of node.bindings) found.add(destination);
  }

  /** Adds a node, and its `#` child, which needs no word to be reached. */
  #reach(node: Node, into: Node[]): void {
    for (let at: Node | undefined = node; at; at = at.children.get('#')) {
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
