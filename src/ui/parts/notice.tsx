// What happened, said in a corner for a while, and read out by screen readers.
import { signal } from '@preact/signals';

interface Notice {
  readonly id: number;
  readonly text: string;
  readonly isProblem: boolean;
}

const SHOWN_MS = 6_000;
const notices = signal<readonly Notice[]>([]);
let lastId = 0;

function show(text: string, isProblem: boolean): void {
  lastId += 1;
  const id = lastId;
  notices.value = [...notices.value.slice(-3), { id, text, isProblem }];
  setTimeout(() => close(id), SHOWN_MS);
}

const close = (id: number) => {
  notices.value = notices.value.filter((notice) => notice.id !== id);
};

export const tell = (text: string) => show(text, false);
export const tellProblem = (error: unknown) => show((error as Error).message, true);

/** Runs what a button is for; what goes wrong is told. True when it went well. */
export async function attempt(run: () => Promise<unknown>, done?: string): Promise<boolean> {
  try {
    await run();
    if (done !== undefined) tell(done);
    return true;
  } catch (error) {
    tellProblem(error);
    return false;
  }
}

export function Notices() {
  return (
    <div class="notices" role="status" aria-live="polite">
      {notices.value.map(({ id, text, isProblem }) => (
        <div key={id} class={isProblem ? 'notice problem' : 'notice'}>
          <span>{text}</span>
          <button type="button" class="plain" aria-label="Dismiss" onClick={() => close(id)}>
            ×
          </button>
        </div>
      ))}
    </div>
  );
}
