import { describe } from 'vitest';
import { received, sent } from '../captured.testdata.ts';
import { standHostileBytes } from '../hostile.contract.ts';
import { decodeAddress } from './address.ts';
import { decodeLink } from './link.ts';
import { decodeNeighbour } from './neighbour.ts';
import { decodeRoute } from './route.ts';

describe('hostile bytes', () => {
  standHostileBytes(
    [decodeLink, decodeAddress, decodeRoute, decodeNeighbour],
    [...Object.values(received), ...Object.values(sent)],
  );
});
