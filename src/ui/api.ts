// The HTTP API as the page uses it: who is logged in, requests, and what went wrong in words for people.
import { signal } from '@preact/signals';

export interface Session {
  readonly name: string;
  readonly tags: readonly string[];
  /** `Basic …`; kept for this tab only. */
  readonly authorization: string;
}

const KEY = 'leveret.session';

function storedSession(): Session | undefined {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? 'null') ?? undefined;
  } catch {
    return undefined;
  }
}

export const session = signal<Session | undefined>(storedSession());

/** Counts what this page has changed, so that everything it shows is asked for again. */
export const changes = signal(0);

export class ApiError extends Error {
  /** 0 when the broker cannot be reached. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** An address with every name in it encoded: path`queues/${vhost}/${name}`. */
export function path(parts: TemplateStringsArray, ...names: readonly (string | number)[]): string {
  return String.raw({ raw: parts }, ...names.map((name) => encodeURIComponent(name)));
}

export function query(values: Readonly<Record<string, string | number | boolean | undefined>>) {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== '');
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text === '' ? '' : `?${text}`;
}

export interface RequestOptions {
  readonly method?: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

/** @throws ApiError */
export async function ask<T = unknown>(to: string, options: RequestOptions = {}): Promise<T> {
  const response = await send(to, options, session.value?.authorization ?? '');
  const text = await response.text();
  const body = text === '' ? undefined : JSON.parse(text);
  if (!response.ok) {
    if (response.status === 401 && body?.error === 'not_authorized') logOut();
    throw new ApiError(response.status, reasonOf(body) ?? response.statusText);
  }
  return body as T;
}

/** Without credentials of its own the browser asks nobody for a password. */
async function send(to: string, options: RequestOptions, authorization: string) {
  const { method = 'GET', body, signal } = options;
  try {
    return await fetch(`/api/${to}`, {
      method,
      credentials: 'omit',
      headers: { authorization },
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ?? null,
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError(0, 'The broker does not answer');
  }
}

/** Changes something; everything on the page is asked for again then. @throws ApiError */
export async function change<T = unknown>(
  method: 'PUT' | 'POST' | 'DELETE',
  to: string,
  body?: unknown,
): Promise<T> {
  const answer = await ask<T>(to, { method, ...(body === undefined ? {} : { body }) });
  changes.value += 1;
  return answer;
}

function reasonOf(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { reason, error } = body as { reason?: unknown; error?: unknown };
  if (typeof reason === 'string') return reason;
  return reason === undefined ? (error as string | undefined) : JSON.stringify(reason);
}

const utf8 = new TextEncoder();

/** @throws ApiError */
export async function logIn(name: string, password: string): Promise<void> {
  const bytes = utf8.encode(`${name}:${password}`);
  const authorization = `Basic ${btoa(String.fromCharCode(...bytes))}`;
  const response = await send('whoami', {}, authorization);
  const body = await response.json();
  if (!response.ok) {
    throw new ApiError(
      response.status,
      body.error === 'not_authorized'
        ? 'That name and password are not known here. guest may log in from the broker’s own machine only.'
        : `${body.reason}. The user needs one of the tags management, policymaker, monitoring or administrator.`,
    );
  }
  session.value = { name: body.name, tags: body.tags, authorization };
  sessionStorage.setItem(KEY, JSON.stringify(session.value));
}

export function logOut(): void {
  session.value = undefined;
  sessionStorage.removeItem(KEY);
}

const openedBy = {
  monitoring: ['monitoring', 'administrator'],
  policymaker: ['policymaker', 'administrator'],
  administrator: ['administrator'],
} as const;

export function may(gate: keyof typeof openedBy): boolean {
  const opening: readonly string[] = openedBy[gate];
  return session.value?.tags.some((tag) => opening.includes(tag)) ?? false;
}
