// One letter: its body (JSON as JSON), headers and properties, why it died, and what can be done with it.
import { useState } from 'preact/hooks';
import type { LetterItem } from '../../http/api/letters.ts';
import type { MoveAnswer } from '../../http/api/letters-move.ts';
import { ask, change } from '../api.ts';
import { bytes, exchangeTitle, time } from '../format.ts';
import { confirmed } from '../parts/confirm.tsx';
import { attempt } from '../parts/notice.tsx';
import { Badge, Facts } from '../parts/page.tsx';
import { Json, plain, prettyJson, Values } from '../parts/values.tsx';
import { told } from './letters.tsx';

interface LetterProps {
  readonly letter: LetterItem;
  /** The letters of its queue, in the API. */
  readonly at: string;
  readonly queue: string;
  readonly onGone: () => Promise<void>;
}

/** An entry of x-death. */
interface Death {
  readonly reason: string;
  readonly queue: string;
  readonly exchange: string;
  readonly count: number;
  readonly time: number;
  readonly 'routing-keys'?: readonly string[];
}

const isDeath = (value: unknown): value is Death =>
  typeof value === 'object' && value !== null && 'reason' in value && 'queue' in value;

/** The latest first. */
export function deathsOf({ properties }: LetterItem): readonly Death[] {
  const headers = (properties.headers ?? {}) as Readonly<Record<string, unknown>>;
  const deaths = headers['x-death'];
  return Array.isArray(deaths) ? deaths.filter(isDeath) : [];
}

export const REASONS: Readonly<Record<string, string>> = {
  rejected: 'rejected by a consumer',
  expired: 'not taken in time',
  maxlen: 'one too many for its queue',
  delivery_limit: 'delivered too often',
};

export function Letter({ letter, at, queue, onGone }: LetterProps) {
  const [isOpen, setOpen] = useState(false);
  const [death] = deathsOf(letter);
  return (
    <details class="letter" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <Badge>{letter.routing_key || '(no key)'}</Badge>
        {death && (
          <Badge tone="bad" title={REASONS[death.reason]}>
            {death.reason} in {death.queue}
          </Badge>
        )}
        <span class="preview">{letter.payload.slice(0, 200)}</span>
        {letter.redelivered && <Badge tone="warn">redelivered</Badge>}
        <span class="quiet">{bytes(letter.payload_bytes)}</span>
      </summary>
      {isOpen && <Opened letter={letter} at={at} queue={queue} onGone={onGone} />}
    </details>
  );
}

function Opened({ letter, at, queue, onGone }: LetterProps) {
  const [whole, setWhole] = useState<LetterItem>();
  const shown = whole ?? letter;
  const json = shown.payload_encoding === 'string' ? prettyJson(shown.payload) : undefined;
  const isCut = letter.payload_encoding === 'string' && sizeOf(shown) < letter.payload_bytes;
  const { headers = {}, ...properties } = letter.properties as Readonly<Record<string, object>>;
  const { 'x-death': _, ...otherHeaders } = headers as Readonly<Record<string, unknown>>;
  const deaths = deathsOf(letter);
  const own = `${at}/${letter.sequence}`;
  return (
    <div class="letter-body">
      {deaths.length > 0 && (
        <div>
          <h3>Why it is here</h3>
          <ul>
            {deaths.map((death) => (
              <li key={`${death.queue} ${death.reason}`}>
                {REASONS[death.reason] ?? death.reason} in <b>{death.queue}</b>
                {death.count > 1 ? `, ${death.count} times` : ''}, first on{' '}
                {time(death.time * 1000)}; it had come by {exchangeTitle(death.exchange)} with key{' '}
                <code>{death['routing-keys']?.join(', ')}</code>
              </li>
            ))}
          </ul>
        </div>
      )}
      {json === undefined ? <pre>{shown.payload || '(empty)'}</pre> : <Json text={json} />}
      {shown.payload_encoding === 'base64' && (
        <p class="quiet">These bytes are no text; they are shown as base64.</p>
      )}
      {isCut && (
        <button
          type="button"
          class="link"
          onClick={() => attempt(async () => setWhole(await ask<LetterItem>(own)))}
        >
          Only the beginning is shown; show all {bytes(letter.payload_bytes)}
        </button>
      )}
      <Facts
        facts={[
          ['Exchange', exchangeTitle(letter.exchange)],
          ['Routing key', <code>{letter.routing_key}</code>],
          ['Place in the queue', letter.sequence],
          ...Object.entries(properties).map(([name, value]) => [name, plain(value)] as const),
        ]}
      />
      {Object.keys(otherHeaders).length > 0 && (
        <div>
          <h3>Headers</h3>
          <Values of={otherHeaders} />
        </div>
      )}
      <LetterActions letter={letter} at={at} queue={queue} onGone={onGone} />
    </div>
  );
}

const sizeOf = ({ payload }: LetterItem) => new TextEncoder().encode(payload).length;

function LetterActions({ letter, at, queue, onGone }: LetterProps) {
  const own = `${at}/${letter.sequence}`;
  const [death] = deathsOf(letter);
  const move = (to: unknown) =>
    attempt(async () => {
      told(await change<MoveAnswer>('POST', `${at}/move`, { letters: [letter.sequence], to }));
      await onGone();
    });
  const drop = async () => {
    const isSure = await confirmed({
      title: 'Delete this letter?',
      text: `It is dropped from ${queue} for good, and becomes no dead letter.`,
      action: 'Delete letter',
    });
    if (!isSure) return;
    await attempt(async () => {
      await change('DELETE', own);
      await onGone();
    }, 'Letter deleted');
  };
  return (
    <div class="actions">
      {death && (
        <button type="button" class="primary" onClick={() => move('origin')}>
          Send back to {death.queue}
        </button>
      )}
      {death && (
        <button
          type="button"
          onClick={() =>
            move({ exchange: death.exchange, routing_key: death['routing-keys']?.[0] ?? '' })
          }
        >
          Publish again to {exchangeTitle(death.exchange)}
        </button>
      )}
      {!death && letter.exchange !== '' && (
        <button type="button" onClick={() => move({ exchange: letter.exchange })}>
          Publish again to {letter.exchange}
        </button>
      )}
      <button type="button" onClick={() => attempt(() => download(own, queue))}>
        Download
      </button>
      <button type="button" class="danger" onClick={drop}>
        Delete letter
      </button>
    </div>
  );
}

/** The whole body, as it is, in a file. */
async function download(own: string, queue: string): Promise<void> {
  const letter = await ask<LetterItem>(own);
  const isText = letter.payload_encoding === 'string';
  const content = isText
    ? letter.payload
    : Uint8Array.from(atob(letter.payload), (character) => character.charCodeAt(0));
  // Never a type that a browser would show and run.
  const url = URL.createObjectURL(new Blob([content], { type: 'application/octet-stream' }));
  const extension = isText ? (prettyJson(letter.payload) === undefined ? 'txt' : 'json') : 'bin';
  const link = document.createElement('a');
  link.href = url;
  link.download = `${queue.replace(/[^\w.-]+/g, '_')}-${letter.sequence}.${extension}`;
  link.click();
  URL.revokeObjectURL(url);
}
