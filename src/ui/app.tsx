// The frame of the page, and which view belongs to which address.

import { useEffect, useRef, useState } from 'preact/hooks';
import { LocationProvider, Route, Router, useLocation } from 'preact-iso';
import { logOut, may, session } from './api.ts';
import { AdminPage } from './pages/admin.tsx';
import { ChannelPage, ChannelsPage } from './pages/channels.tsx';
import { ConnectionPage, ConnectionsPage } from './pages/connections.tsx';
import { DeadLettersPage } from './pages/dead-letters.tsx';
import { ExchangePage } from './pages/exchange.tsx';
import { ExchangesPage } from './pages/exchanges.tsx';
import { LoginPage } from './pages/login.tsx';
import { OverviewPage } from './pages/overview.tsx';
import { PostOfficePage } from './pages/post-office.tsx';
import { QueuePage } from './pages/queue.tsx';
import { QueuesPage } from './pages/queues.tsx';
import { ScheduledPage } from './pages/scheduled.tsx';
import { WherePage } from './pages/where.tsx';
import { Confirm } from './parts/confirm.tsx';
import { Notices } from './parts/notice.tsx';
import { Empty, Page } from './parts/page.tsx';
import { useResource } from './resource.ts';
import { nextTheme, theme } from './theme.ts';
import { chooseVHost, chosenVHost } from './vhost.ts';

export function App() {
  return (
    <>
      {session.value ? (
        <LocationProvider>
          <Shell />
        </LocationProvider>
      ) : (
        <LoginPage />
      )}
      <Confirm />
      <Notices />
    </>
  );
}

const LINKS = [
  [
    '',
    [
      ['/', 'Overview'],
      ['/post-office', 'Post office'],
      ['/where', 'Where would it go?'],
    ],
  ],
  [
    'Traffic',
    [
      ['/queues', 'Queues'],
      ['/exchanges', 'Exchanges'],
      ['/connections', 'Connections'],
      ['/channels', 'Channels'],
    ],
  ],
  [
    'Letters',
    [
      ['/dead-letters', 'Dead letters'],
      ['/scheduled', 'Scheduled'],
    ],
  ],
  ['Settings', [['/admin', 'Admin']]],
] as const;

function Shell() {
  const { path } = useLocation();
  const [isOpen, setOpen] = useState(false);
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  // Another page begins at its top, and is where the keyboard is.
  useEffect(() => {
    setOpen(false);
    if (!isFirst.current) main.current?.focus({ preventScroll: true });
    isFirst.current = false;
    scrollTo(0, 0);
  }, [path]);
  return (
    <>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <div class="shell">
        <header class="top">
          <Brand />
          <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
            Menu
          </button>
        </header>
        <aside class={isOpen ? 'side open' : 'side'}>
          <Brand />
          <nav aria-label="Pages">
            {LINKS.map(([group, links]) => (
              <div key={group}>
                {group !== '' && <h2>{group}</h2>}
                {links.map(([href, title]) => (
                  <a
                    key={href}
                    href={href}
                    {...(isAt(path, href) ? { 'aria-current': 'page' } : {})}
                  >
                    {title}
                  </a>
                ))}
              </div>
            ))}
          </nav>
          <Foot />
        </aside>
        <main id="main" ref={main} tabIndex={-1}>
          <Router>
            <Route path="/" component={OverviewPage} />
            <Route path="/post-office" component={PostOfficePage} />
            <Route path="/where" component={WherePage} />
            <Route path="/dead-letters" component={DeadLettersPage} />
            <Route path="/scheduled" component={ScheduledPage} />
            <Route path="/queues" component={QueuesPage} />
            <Route path="/queues/:vhost/:name" component={QueuePage} />
            <Route path="/exchanges" component={ExchangesPage} />
            <Route path="/exchanges/:vhost/:name" component={ExchangePage} />
            <Route path="/connections" component={ConnectionsPage} />
            <Route path="/connections/:name" component={ConnectionPage} />
            <Route path="/channels" component={ChannelsPage} />
            <Route path="/channels/:name" component={ChannelPage} />
            <Route path="/admin" component={AdminPage} />
            <Route path="/admin/:section" component={AdminPage} />
            <Route default component={NotFound} />
          </Router>
        </main>
      </div>
    </>
  );
}

const isAt = (path: string, href: string) =>
  href === '/' ? path === '/' : path === href || path.startsWith(`${href}/`);

function Brand() {
  return (
    <a class="brand" href="/">
      <img src="/hare.svg" alt="" width="28" height="28" />
      Leveret
    </a>
  );
}

function Foot() {
  const { data } = useResource<readonly { readonly name: string }[]>('vhosts?columns=name', 15_000);
  const names = data?.map(({ name }) => name) ?? [];
  return (
    <div class="side-foot">
      <label class="field">
        <span class="quiet">Virtual host</span>
        <select
          value={chosenVHost.value}
          onChange={(event) => chooseVHost(event.currentTarget.value)}
        >
          <option value="">All</option>
          {names.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <div class="row">
        <button
          type="button"
          class="small"
          onClick={nextTheme}
          aria-label={`Theme: ${theme.value}`}
        >
          {{ system: '◐ System', light: '☀ Light', dark: '☾ Dark' }[theme.value]}
        </button>
        <button type="button" class="small" onClick={logOut}>
          Log out
        </button>
      </div>
      <span class="quiet break">
        {session.value?.name}
        {may('administrator') ? ' · administrator' : ''}
      </span>
    </div>
  );
}

function NotFound() {
  return (
    <Page title="There is no such page">
      <Empty>
        Perhaps the address was cut short. <a href="/">Go to the overview</a>
      </Empty>
    </Page>
  );
}
