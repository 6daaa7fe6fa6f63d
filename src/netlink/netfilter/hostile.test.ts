import { describe, expect, test } from 'vitest';
import { standHostileBytes } from '../hostile.contract.ts';
import { type Message, readMessages } from '../message.ts';
import { received } from './captured.testdata.ts';
import { decodeElements } from './elements.ts';
import { decodeGeneration } from './generation.ts';
import { decodeRuleEffect } from './rule-effect.ts';
import { decodeSet } from './sets.ts';
import { decodeChain, decodeChangedChain, decodeRule, decodeTable, decodeTableName } from './tables.ts';

const ofEvents = [decodeTableName, decodeChangedChain];
const decoders: ((message: Message) => unknown)[] = [
  ...[decodeTable, decodeChain, decodeRule, decodeRuleEffect, decodeSet, decodeElements, decodeGeneration],
  ...ofEvents,
];

describe('hostile bytes', () => standHostileBytes(decoders, Object.values(received)));

test('what reads events reads all that there are, of whatever kind', () => {
  for (const [what, hex] of Object.entries(received))
    for (const message of readMessages(Buffer.from(hex, 'hex')))
      for (const decode of ofEvents) expect(() => decode(message), what).not.toThrow();
});
