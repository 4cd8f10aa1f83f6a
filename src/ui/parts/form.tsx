// Forms: labelled fields, and reading what was filled in.
import type { ComponentChildren, TargetedInputEvent, TargetedSubmitEvent } from 'preact';
import { useId, useState } from 'preact/hooks';
import { attempt } from './notice.tsx';

interface FieldProps {
  readonly label: string;
  readonly name: string;
  readonly hint?: ComponentChildren;
  readonly type?: 'text' | 'password' | 'number' | 'file';
  readonly value?: string | number | undefined;
  readonly required?: boolean;
  readonly placeholder?: string;
  readonly options?: readonly (string | readonly [value: string, label: string])[];
  readonly rows?: number;
  readonly suggestions?: readonly string[];
  readonly wide?: boolean;
  readonly autocomplete?: string;
  readonly onInput?: (value: string) => void;
}

/** A text field, a choice (`options`) or a larger text (`rows`). */
export function Field(props: FieldProps) {
  const { label, hint, wide = false } = props;
  const id = useId();
  return (
    <div class={wide || props.rows !== undefined ? 'field wide' : 'field'}>
      <label for={id}>{label}</label>
      <Input {...props} id={id} />
      {hint !== undefined && (
        <small id={`${id}-hint`} class="hint">
          {hint}
        </small>
      )}
    </div>
  );
}

function Input({ id, ...props }: FieldProps & { readonly id: string }) {
  const { name, type = 'text', value, options, rows, suggestions, onInput } = props;
  const common = {
    id,
    name,
    required: props.required ?? false,
    ...(props.hint === undefined ? {} : { 'aria-describedby': `${id}-hint` }),
    onInput: (event: TargetedInputEvent<HTMLInputElement>) => onInput?.(event.currentTarget.value),
  };
  if (options) {
    return (
      <select {...(common as object)} value={value}>
        {options.map((option) => {
          const [key, text] = typeof option === 'string' ? [option, option] : option;
          return (
            <option key={key} value={key}>
              {text}
            </option>
          );
        })}
      </select>
    );
  }
  if (rows !== undefined) {
    return (
      <textarea
        {...(common as object)}
        rows={rows}
        placeholder={props.placeholder}
        spellcheck={false}
        defaultValue={value === undefined ? '' : String(value)}
      />
    );
  }
  return (
    <>
      <input
        {...(common as object)}
        type={type as 'text'}
        placeholder={props.placeholder}
        autocomplete={props.autocomplete ?? 'off'}
        defaultValue={value === undefined ? '' : String(value)}
        {...(suggestions ? { list: `${id}-list` } : {})}
      />
      {suggestions && (
        <datalist id={`${id}-list`}>
          {suggestions.map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
      )}
    </>
  );
}

interface CheckProps {
  readonly label: ComponentChildren;
  readonly name: string;
  readonly checked?: boolean;
}

export function Check({ label, name, checked = false }: CheckProps) {
  return (
    <label class="check">
      <input type="checkbox" name={name} defaultChecked={checked} />
      <span>{label}</span>
    </label>
  );
}

/** What was filled in. */
export class Filled {
  readonly #data: FormData;

  constructor(form: HTMLFormElement) {
    this.#data = new FormData(form);
  }

  text(name: string): string {
    const value = this.#data.get(name);
    return typeof value === 'string' ? value : '';
  }

  file(name: string): File | undefined {
    const value = this.#data.get(name);
    return value instanceof File && value.size > 0 ? value : undefined;
  }

  isChecked(name: string): boolean {
    return this.#data.has(name);
  }
}

interface FormProps {
  readonly action: string;
  readonly done?: string;
  readonly danger?: boolean;
  readonly keep?: boolean;
  readonly onSubmit: (filled: Filled) => Promise<unknown>;
  readonly children?: ComponentChildren;
}

/** Runs `onSubmit`; tells what went wrong, or `done`, and empties itself unless told to `keep` what was filled in. */
export function Form({
  action,
  done,
  danger = false,
  keep = false,
  onSubmit,
  children,
}: FormProps) {
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    setBusy(true);
    const went = await attempt(() => onSubmit(new Filled(form)), done);
    setBusy(false);
    if (went && !keep) form.reset();
  };
  return (
    <form class="form" onSubmit={submit}>
      {children}
      <div class="form-actions">
        <button type="submit" class={danger ? 'danger' : 'primary'} disabled={isBusy}>
          {action}
        </button>
      </div>
    </form>
  );
}

const ARGUMENT = /^\s*([^=]+?)\s*=\s*(.*?)\s*$/;

/** Lines `name = value`; a value is JSON where it can be, else a text. @throws Error for a line that is neither. */
export function argumentsIn(text: string): Record<string, unknown> {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return Object.fromEntries(
    lines.map((line) => {
      const [, name, value] = ARGUMENT.exec(line) ?? [];
      if (name === undefined || value === undefined) {
        throw new Error(`“${line.trim()}” should read name = value`);
      }
      return [name, jsonOrText(value)];
    }),
  );
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

interface ArgumentsProps {
  readonly label?: string;
  readonly name?: string;
  /** Buttons that write a line. */
  readonly known: readonly (readonly [label: string, line: string])[];
  readonly value?: string;
}

/** Arguments, a line each, with the usual ones at hand. */
export function Arguments(props: ArgumentsProps) {
  const { label = 'Arguments', name = 'arguments', known, value = '' } = props;
  const id = useId();
  const add = (line: string) => {
    const area = document.getElementById(id) as HTMLTextAreaElement;
    area.value = `${area.value.trimEnd()}${area.value.trim() === '' ? '' : '\n'}${line}`;
    area.focus();
  };
  return (
    <div class="field wide">
      <label for={id}>{label}</label>
      <textarea
        id={id}
        name={name}
        rows={3}
        spellcheck={false}
        placeholder="name = value, one on each line"
        defaultValue={value}
      />
      <div class="chips">
        {known.map(([text, line]) => (
          <button key={text} type="button" class="chip" onClick={() => add(line)}>
            + {text}
          </button>
        ))}
      </div>
    </div>
  );
}
