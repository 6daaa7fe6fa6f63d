/** Raised when an old peer could misunderstand a new one. N and N-1 work together. */
export const API_VERSION = 1;
export const OLDEST_API_VERSION = Math.max(1, API_VERSION - 1);
/** Request header that carries the caller's version; a caller without it (curl) is taken as current. */
export const API_VERSION_HEADER = 'weft-api-version';
export const PROGRAM_VERSION = '0.1.0';

/** Undefined when the versions work together, otherwise why not. */
export function refuseVersion(theirs: string | null): string | undefined {
  if (theirs === null) return undefined;
  const version = Number(theirs);
  if (/^\d{1,6}$/.test(theirs) && version >= OLDEST_API_VERSION && version <= API_VERSION) return undefined;
  const newer = version > API_VERSION;
  return `the caller speaks API version ${theirs.slice(0, 20)}, this side takes ${OLDEST_API_VERSION} to ${API_VERSION}; upgrade ${newer ? 'this side' : 'the caller'}`;
}
