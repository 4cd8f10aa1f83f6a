// Asks before something is destroyed.
import { signal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';

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
  // Closed rather than removed, so that the keyboard is back where it was before the question.
  const close = (answer: 'yes' | 'no') => dialog.current?.close(answer);
  useLayoutEffect(() => {
    if (question) dialog.current?.showModal();
  }, [question]);
  if (!question) return null;
  return (
    <dialog
      ref={dialog}
      aria-labelledby="question"
      onClose={(event) => question.answer(event.currentTarget.returnValue === 'yes')}
    >
      <h2 id="question">{question.title}</h2>
      <p>{question.text}</p>
      <div class="actions">
        <button type="button" onClick={() => close('no')}>
          Cancel
        </button>
        <button type="button" class="danger" onClick={() => close('yes')}>
          {question.action}
        </button>
      </div>
    </dialog>
  );
}
