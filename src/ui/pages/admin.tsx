// Users, permissions, virtual hosts, policies, limits and definitions, each in a section of its own.

import type { FunctionComponent } from 'preact';
import { useRoute } from 'preact-iso';
import { may } from '../api.ts';
import { Empty, Page } from '../parts/page.tsx';
import { Definitions } from './admin-definitions.tsx';
import { Limits } from './admin-limits.tsx';
import { Permissions } from './admin-permissions.tsx';
import { Policies } from './admin-policies.tsx';
import { Users } from './admin-users.tsx';
import { VHosts } from './admin-vhosts.tsx';

type Gate = 'administrator' | 'policymaker';

const SECTIONS: readonly (readonly [string, string, Gate, FunctionComponent])[] = [
  ['users', 'Users', 'administrator', Users],
  ['permissions', 'Permissions', 'administrator', Permissions],
  ['vhosts', 'Virtual hosts', 'administrator', VHosts],
  ['policies', 'Policies', 'policymaker', Policies],
  ['limits', 'Limits', 'administrator', Limits],
  ['definitions', 'Definitions', 'administrator', Definitions],
];

export function AdminPage() {
  const { section } = useRoute().params;
  const allowed = SECTIONS.filter(([, , gate]) => may(gate));
  const [name, title, , Section] = allowed.find(([key]) => key === section) ?? allowed[0] ?? [];
  if (Section === undefined) {
    return (
      <Page title="Admin">
        <Empty>It takes the tag policymaker or administrator to change anything here.</Empty>
      </Page>
    );
  }
  return (
    <Page title={title ?? ''} kind="Admin">
      <nav class="tabs" aria-label="Sections">
        {allowed.map(([key, text]) => (
          <a key={key} href={`/admin/${key}`} {...(key === name ? { 'aria-current': 'page' } : {})}>
            {text}
          </a>
        ))}
      </nav>
      <Section />
    </Page>
  );
}
