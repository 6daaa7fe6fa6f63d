import type { Notice } from './notice.ts';

/** What a host says of a network that is exposed on it and that it is not in; and by what another one knows of which. */
const CODE = 'not-exposed';
const beginning = (network: string): string => `Network ${network}: `;

/** `next`: what helps, as a sentence. */
export const notExposed = (network: string, why: string, next: string): Notice => ({
  code: CODE,
  title: 'This host is not in a network that is exposed on it',
  sentence: `${beginning(network)}${why}.`,
  next: `${next} It is tried again all the time.`,
});

export const isNotExposed = ({ code, sentence }: Notice, network: string): boolean =>
  code === CODE && sentence.startsWith(beginning(network));
