/** How why somebody is not heard over TLS begins or ends, in words that are told on as they are (transport/call.ts). */
export const NOT_TRUSTED = 'who answers is not trusted';
export const RAN_OUT = 'this side’s own certificate ran out';
export const NOT_TAKEN = 'does not take this certificate';

/** Whether certificates are what to look at. */
export const isDistrust = (reason: string): boolean =>
  [NOT_TRUSTED, RAN_OUT, NOT_TAKEN].some((words) => reason.includes(words));
