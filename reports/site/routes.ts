/** Every route of the site, in one place: what is registered, and what the test of roles walks. A page adds one line here. */
import type { Route } from './page.ts';
import { brakeRoutes } from './pages/brakes.ts';
import { confirmRoutes } from './pages/confirm.ts';
import { referenceRoutes } from './pages/reference.ts';
import { disposalRoutes } from './pages/disposals.ts';
import { auditRoutes } from './pages/audit.ts';
import { factorRoutes } from './pages/factor.ts';
import { fileRoutes } from './pages/file.ts';
import { findRoutes } from './pages/find.ts';
import { holdRoutes } from './pages/holds.ts';
import { homeRoutes } from './pages/home.ts';
import { listRoutes } from './pages/list.ts';
import { listsRoutes } from './pages/lists.ts';
import { meRoutes } from './pages/me.ts';
import { needsDataRoutes } from './pages/needsData.ts';
import { overRetainedRoutes } from './pages/overRetained.ts';
import { outsideRoutes } from './pages/outside.ts';
import { peopleRoutes } from './pages/people.ts';
import { placeHoldRoutes } from './pages/placeHold.ts';
import { recordOutsideRoutes } from './pages/recordOutside.ts';
import { referralRoutes } from './pages/referrals.ts';
import { restoreRoutes } from './pages/restore.ts';
import { reviewRoutes } from './pages/reviews.ts';
import { reportRoutes } from './pages/reports.ts';
import { runRoutes } from './pages/runs.ts';
import { sampleRoutes } from './pages/sample.ts';
import { signInRoutes } from './pages/signIn.ts';
import { signOffRoutes } from './pages/signOff.ts';
import { takeOffRoutes } from './pages/takeOff.ts';
import { whatIfRoutes } from './pages/whatIf.ts';

export const ROUTES: readonly Route[] = [
  ...signInRoutes,
  ...homeRoutes,
  ...listsRoutes,
  ...listRoutes,
  ...takeOffRoutes,
  ...fileRoutes,
  ...confirmRoutes,
  ...referenceRoutes,
  ...signOffRoutes,
  ...findRoutes,
  ...needsDataRoutes,
  ...auditRoutes,
  ...runRoutes,
  ...brakeRoutes,
  ...reportRoutes,
  ...overRetainedRoutes,
  ...disposalRoutes,
  ...sampleRoutes,
  ...whatIfRoutes,
  ...holdRoutes,
  ...placeHoldRoutes,
  ...reviewRoutes,
  ...referralRoutes,
  ...outsideRoutes,
  ...recordOutsideRoutes,
  ...restoreRoutes,
  ...peopleRoutes,
  ...meRoutes,
  ...factorRoutes,
];
