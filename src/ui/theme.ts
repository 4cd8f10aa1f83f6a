// Light or dark: as the system says, unless somebody has chosen.
import { signal } from '@preact/signals';

export type Theme = 'system' | 'light' | 'dark';

const KEY = 'leveret.theme';
const ORDER: readonly Theme[] = ['system', 'light', 'dark'];

const isTheme = (text: string | null): text is Theme => ORDER.includes(text as Theme);

const stored = localStorage.getItem(KEY);
export const theme = signal<Theme>(isTheme(stored) ? stored : 'system');
const systemIsDark = matchMedia('(prefers-color-scheme: dark)');
/** Which of the two is to be seen: charts, which know no style sheets, are drawn anew when it changes. */
export const isDark = signal(false);

export function applyTheme(): void {
  isDark.value = theme.value === 'dark' || (theme.value === 'system' && systemIsDark.matches);
  document.documentElement.dataset.theme = isDark.value ? 'dark' : 'light';
}

systemIsDark.addEventListener('change', applyTheme);

export function nextTheme(): void {
  theme.value = ORDER[(ORDER.indexOf(theme.value) + 1) % ORDER.length]!;
  localStorage.setItem(KEY, theme.value);
  applyTheme();
}
