import { fault } from '#model/fault.ts';
import type { Faults } from './faults.ts';

const [MAX_LABELS, MAX_LABEL_KEY, MAX_LABEL_VALUE] = [64, 256, 1024];

/** Every host keeps them, so they stay as small as the wire takes them. */
export function readLabels(
  faults: Faults,
  labels: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const entries = Object.entries(labels);
  const fix = 'leave some out';
  if (entries.length > MAX_LABELS)
    faults.invalid.push(fault('labels', entries.length, `are more than ${MAX_LABELS}`, fix));
  for (const [key, value] of entries)
    if (key.length > MAX_LABEL_KEY || value.length > MAX_LABEL_VALUE)
      faults.invalid.push(
        fault(
          'labels',
          key,
          `is longer than ${MAX_LABEL_KEY} characters, or ${MAX_LABEL_VALUE} its value`,
          fix,
        ),
      );
  return labels;
}
