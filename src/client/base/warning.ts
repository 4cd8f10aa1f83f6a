// What an application should hear of though it did not ask: a warning of the process, or a line on the console of a browser.

export function warn(text: string): void {
  const { process } = globalThis as {
    process?: { emitWarning?(text: string, type: string): void };
  };
  if (process?.emitWarning) process.emitWarning(text, 'LeveretWarning');
  else console.warn(`LeveretWarning: ${text}`);
}
