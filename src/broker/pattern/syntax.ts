// What a pattern consists of, and how that becomes steps of a program.
import type { Characters, Program, Step } from './program.ts';

export type Node =
  | { readonly kind: 'character'; readonly matches: (character: number) => boolean }
  | { readonly kind: 'sequence'; readonly items: readonly Node[] }
  | { readonly kind: 'choice'; readonly options: readonly Node[] }
  | { readonly kind: 'repeat'; readonly item: Node; readonly min: number; readonly max: number }
  | { readonly kind: 'assertion'; readonly holds: (text: Characters, at: number) => boolean }
  | {
      readonly kind: 'look';
      readonly item: Node;
      readonly isBehind: boolean;
      readonly isNegated: boolean;
    };

/** Nodes that a program may be made of, with repetitions written out. */
const MAX_NODES = 10_000;

/** A text that is no pattern, and where it goes wrong. */
export class PatternError extends Error {
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

export function compile(root: Node): Program {
  const steps: Step[] = [];
  const add = (step: Step): number => steps.push(step) - 1;
  let nodes = 0;

  /** Adds the steps of a node that goes on at `next`, and answers the first. */
  const emit = (node: Node, next: number): number => {
    nodes += 1;
    if (nodes > MAX_NODES) throw new PatternError('regular expression is too large', 0);
    switch (node.kind) {
      case 'character':
      case 'assertion':
        return add({ ...node, next });
      case 'sequence':
        return node.items.reduceRight((after, item) => emit(item, after), next);
      case 'choice':
        return add({ kind: 'choice', next: node.options.map((option) => emit(option, next)) });
      case 'look': {
        const { isBehind, isNegated } = node;
        const first = emit(node.item, add({ kind: 'end' }));
        return add({ kind: 'look', isBehind, isNegated, first, next });
      }
      case 'repeat':
        return emitRepeat(node.item, node.min, node.max, next);
    }
  };

  const emitRepeat = (item: Node, min: number, max: number, next: number): number => {
    let first = next;
    if (max === Number.POSITIVE_INFINITY) {
      const again: Step = { kind: 'choice', next: [] };
      first = add(again);
      again.next.push(emit(item, first), next);
    } else {
      for (let i = min; i < max; i++) {
        first = add({ kind: 'choice', next: [emit(item, first), next] });
      }
    }
    for (let i = 0; i < min; i++) first = emit(item, first);
    return first;
  };

  return { steps, first: emit(root, add({ kind: 'end' })) };
}
