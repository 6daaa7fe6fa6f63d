/**
 * The order of writes, as one list: first what makes room, then what carries frames, the container's own interface
 * last, and only then what is no longer needed. Read it as the way of the first frame, from its far end back.
 */
const STEPS = {
  'make room': 'something new needs its name, number or address',
  namespace: 'all of a network on this host is inside',
  setting: 'what devices begin with, and nothing can pass yet: there are none',
  bridge: 'ports need it to join',
  set: 'rules need it to name it',
  element: 'rules drop what is in no set of theirs, from their first moment',
  chain: 'what must not pass does not, not even a device’s first frame',
  permit: 'what of ours may not pass is dropped by our own rules by now',
  gateway: 'a container finds its gateway from its first question on',
  tunnel: 'its rows need it; until they are there a frame to a remote is dropped, none goes astray',
  'tunnel rows': 'a frame to a remote MAC must find its VTEP before anybody learns that MAC',
  'tunnel neighbours': 'an answered ARP or ND is followed by the frame at once',
  'silent tunnel': 'from now on another of its network sends, and is ready',
  port: 'the other end is still down: the rules hold before the first frame',
  'port rows': 'unknown unicast is not flooded to ports: without this row none arrives',
  'device setting': 'the device is there, and the rules say what may pass',
  interface: 'opens the container’s end when all that its first frame needs is there',
  address: 'the container speaks once it has one',
  route: 'needs the address of its subnet',
  'stale route': 'what replaces it is in place',
  'stale address': 'what replaces it is in place',
  'stale neighbour': 'nobody should ask for a MAC whose row goes next',
  'stale row': 'a moved MAC has its new row, so no frame is lost',
  'stale port': 'takes the container’s interface with it',
  'stale tunnel': 'before its namespace, so that its VNI and UDP port are free at once',
  'stale permit': 'nothing of ours is left that it is for',
  'stale chain': 'nothing is left that it kept from passing',
  'stale element': 'nothing comes from there any more',
  'stale set': 'no rule names it any more',
  'stale bridge': 'its ports are gone',
  'stale namespace': 'takes everything left in it along',
} as const;

export type Step = keyof typeof STEPS;

const NAMES = Object.keys(STEPS) as Step[];
const RANKS = new Map<Step, number>(NAMES.map((step, rank) => [step, rank]));

export const STEP_COUNT = NAMES.length;
export const rankOf = (step: Step): number => RANKS.get(step)!;
/** Why an op of this step comes at this place in the list. */
export const reasonOf = (step: Step): string => STEPS[step];
