// Something the API knows, kept fresh: asked for again every few seconds while the page is looked at, and when the page has
// changed something. What was known stays to be seen meanwhile, so nothing flickers.
import { useSignalEffect } from '@preact/signals';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { type ApiError, ask, changes } from './api.ts';

export interface Resource<T> {
  readonly data: T | undefined;
  /** Why the last try did not work; `data` is from an earlier one then. */
  readonly error: ApiError | undefined;
  refresh(): void;
}

export const REFRESH_MS = 3_000;

/** `at` undefined asks for nothing; `everyMs` 0 asks once. */
export function useResource<T>(at: string | undefined, everyMs = REFRESH_MS): Resource<T> {
  const [state, setState] = useState<{ data?: T; error?: ApiError }>({});
  const load = useRef(() => {});

  useEffect(() => {
    if (at === undefined) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let controller = new AbortController();
    let isOver = false;
    const run = async () => {
      clearTimeout(timer);
      controller.abort();
      controller = new AbortController();
      const { signal } = controller;
      try {
        const data = await ask<T>(at, { signal });
        if (!signal.aborted) setState({ data });
      } catch (error) {
        if (signal.aborted) return;
        setState((before) => ({ ...before, error: error as ApiError }));
      }
      if (!isOver && !signal.aborted && everyMs > 0) timer = setTimeout(wait, everyMs);
    };
    /** Who does not look is not told. */
    const wait = () => {
      if (document.hidden) document.addEventListener('visibilitychange', run, { once: true });
      else run();
    };
    load.current = run;
    run();
    return () => {
      isOver = true;
      clearTimeout(timer);
      controller.abort();
      document.removeEventListener('visibilitychange', run);
    };
  }, [at, everyMs]);

  const seen = useRef(changes.peek());
  useSignalEffect(() => {
    if (changes.value === seen.current) return;
    seen.current = changes.value;
    load.current();
  });

  const refresh = useCallback(() => load.current(), []);
  return { data: state.data, error: state.error, refresh };
}
