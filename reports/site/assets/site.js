// What the design system does for those with JavaScript; every page works without it.
import * as govuk from './govuk-frontend.min.js';

document.body.classList.add('js-enabled');
if ('noModule' in HTMLScriptElement.prototype) document.body.classList.add('govuk-frontend-supported');
// But for radios: their fields are shown by the style sheet.
for (const part of Object.values(govuk)) if (part.moduleName && part !== govuk.Radios) govuk.createAll(part);
