// Which web pages may connect. Any page that a user of this machine opens can try, with guest's well-known password; browsers
// say which page it is (the Origin header, RFC 6454), and programs that are no browsers say nothing.

/** `allowed` are origins such as `https://app.example`, or `*` for all. Pages that this machine serves always may. */
export function mayConnect(origin: string | undefined, allowed: readonly string[]): boolean {
  if (origin === undefined) return true;
  if (allowed.includes('*') || allowed.includes(origin)) return true;
  if (!URL.canParse(origin)) return false;
  const { hostname } = new URL(origin);
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);
}
