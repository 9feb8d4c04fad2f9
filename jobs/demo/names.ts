/** Invents names that no real person bears and that no word of the product contains, so that a leak can be searched for. */
import type { Chance } from './chance.ts';

export function givenName(chance: Chance): string {
  return chance.pick(GIVEN_STARTS) + chance.pick(GIVEN_ENDS);
}

export function surname(chance: Chance): string {
  return chance.pick(SURNAME_STARTS) + chance.pick(SURNAME_ENDS);
}

const GIVEN_STARTS = [
  'Quill',
  'Zibb',
  'Orvimb',
  'Fenk',
  'Jaskr',
  'Thrumb',
  'Wupp',
  'Glimb',
  'Plox',
  'Drubb',
  'Yorb',
  'Kveld',
  'Snorv',
  'Buzzl',
  'Eppl',
  'Hixt',
  'Moxw',
  'Ufft',
] as const;

const GIVEN_ENDS = ['on', 'ola', 'ibble', 'ane', 'esk', 'ulo', 'ithy', 'aver', 'umpa', 'orix', 'enzo', 'yddle'] as const;

const SURNAME_STARTS = [
  'Moss',
  'Thistle',
  'Bramble',
  'Pewter',
  'Quag',
  'Wimple',
  'Gorse',
  'Fennel',
  'Tansy',
  'Puddle',
  'Crumpet',
  'Bodkin',
  'Sprocket',
  'Marzipan',
  'Cobweb',
  'Gherkin',
  'Lantern',
  'Pumice',
  'Rhubarb',
  'Saffron',
  'Treacle',
  'Velvet',
  'Walnut',
  'Yonder',
] as const;

const SURNAME_ENDS = [
  'beetle',
  'whisk',
  'kettle',
  'snail',
  'trundle',
  'muffin',
  'gudgeon',
  'spindle',
  'otter',
  'button',
  'weevil',
  'haddock',
  'turnip',
  'teasel',
  'thimble',
  'noggin',
  'sprout',
  'gurnard',
  'bobbin',
  'waddle',
] as const;
