// All routes of the API, in one table.
import { applicationRoutes } from './api/application.ts';
import { bindingRoutes } from './api/bindings.ts';
import { channelRoutes } from './api/channels.ts';
import { connectionRoutes } from './api/connections.ts';
import { consumerRoutes } from './api/consumers.ts';
import { definitionRoutes } from './api/definitions.ts';
import { delayedRoutes } from './api/delayed.ts';
import { environmentRoutes } from './api/environment.ts';
import { exchangeRoutes } from './api/exchanges.ts';
import { explainRoutes } from './api/explain.ts';
import { healthRoutes } from './api/health.ts';
import { letterRoutes } from './api/letters.ts';
import { letterMoveRoutes } from './api/letters-move.ts';
import { limitRoutes } from './api/limits.ts';
import { logRoutes } from './api/log.ts';
import { messageRoutes } from './api/messages.ts';
import { nodeRoutes } from './api/nodes.ts';
import { overviewRoutes } from './api/overview.ts';
import { parameterRoutes } from './api/parameters.ts';
import { permissionRoutes } from './api/permissions.ts';
import { policyRoutes } from './api/policies.ts';
import { postOfficeRoutes } from './api/post-office.ts';
import { queueRoutes } from './api/queues.ts';
import { userRoutes } from './api/users.ts';
import { vhostRoutes } from './api/vhosts.ts';
import type { Route } from './route.ts';

export const routes: readonly Route[] = [
  ...overviewRoutes,
  ...nodeRoutes,
  ...logRoutes,
  ...applicationRoutes,
  ...environmentRoutes,
  ...connectionRoutes,
  ...channelRoutes,
  ...consumerRoutes,
  ...exchangeRoutes,
  ...queueRoutes,
  ...bindingRoutes,
  ...messageRoutes,
  ...letterRoutes,
  ...letterMoveRoutes,
  ...explainRoutes,
  ...delayedRoutes,
  ...postOfficeRoutes,
  ...vhostRoutes,
  ...userRoutes,
  ...permissionRoutes,
  ...policyRoutes,
  ...parameterRoutes,
  ...limitRoutes,
  ...definitionRoutes,
  ...healthRoutes,
];
