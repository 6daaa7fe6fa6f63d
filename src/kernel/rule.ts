import type { Field, Rule, Statement } from '#model/filter.ts';
import { familyOf } from '#model/ip.ts';
import {
  clampMss,
  compared,
  countedBy,
  dnatTo,
  type Expression,
  ending,
  type Load,
  lookedUp,
  marked,
  masquerade,
  toThisHost,
  tracked,
  turnedTo,
} from '#netlink/netfilter/expression.ts';
import { bytesIn, encodeValue } from './filter-bytes.ts';

export const expressionsOf = ({ statements = [] }: Rule): Expression[] =>
  statements.flatMap((statement, i) => {
    const expressions = expressionsFor(statement);
    // It is where the last one loaded it.
    return isSameField(statement, statements[i - 1]) ? expressions.slice(-1) : expressions;
  });

const isSameField = (statement: Statement, before: Statement | undefined): boolean =>
  statement.does === 'compare' && before?.does === 'compare' && statement.field === before.field;

function expressionsFor(statement: Statement): Expression[] {
  switch (statement.does) {
    case 'compare': {
      const { field, value, how } = statement;
      return compared(loadOf(field), encodeValue(field.type, value), how);
    }
    case 'look up':
      return lookedUp(statement.fields.map(loadOf), statement.set.name, !statement.not);
    case 'count':
      return countedBy(statement.fields.map(loadOf), statement.set.name);
    case 'mark':
      return marked(encodeValue('mark', statement.mark));
    case 'track':
      return tracked(statement.key, statement.any);
    case 'local':
      return toThisHost;
    case 'masquerade':
      return [masquerade];
    case 'translate': {
      const { address, port } = statement;
      return dnatTo(
        encodeValue(familyOf(address) === 4 ? 'ipv4' : 'ipv6', address),
        encodeValue('u16', port),
      );
    }
    case 'turn':
      return turnedTo(encodeValue('mac', statement.to));
    case 'clamp':
      return clampMss;
    case 'goto':
    case 'jump':
      return [ending(statement.does, statement.chain)];
    default:
      return [ending(statement.does)];
  }
}

const loadOf = ({ from, type }: Field): Load => ('meta' in from ? from : { ...from, bytes: bytesIn(type) });
