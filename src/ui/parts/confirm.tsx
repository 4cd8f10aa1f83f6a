// Asks before something is destroyed.
import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

export interface Question {
  readonly title: string;
  readonly text: string;
  /** What the button says that does it. */
  readonly action: string;
}

const asked = signal<(Question & { readonly answer: (yes: boolean) => void }) | undefined>(
  undefined,
);

export function confirmed(question: Question): Promise<boolean> {
  return new Promise((resolve) => {
    asked.value = {
      ...question,
      answer(yes) {
        asked.value = undefined;
        resolve(yes);
      },
    };
  });
}

export function Confirm() {
  const dialog = useRef<HTMLDialogElement>(null);
  const question = asked.value;
  useEffect(() => {
    if (question) dialog.current?.showModal();
  }, [question]);
  if (!question) return null;
  return (
    <dialog ref={dialog} aria-labelledby="question" onClose={() => question.answer(false)}>
      <h2 id="question">{question.title}</h2>
      <p>{question.text}</p>
      <div class="actions">
        <button type="button" onClick={() => question.answer(false)}>
          Cancel
        </button>
        <button type="button" class="danger" onClick={() => question.answer(true)}>
          {question.action}
        </button>
      </div>
    </dialog>
  );
}
