/*
 * Names as they are in a message, without the root's empty label, folded to lower case, a byte a character:
 * `\x03web\x03app`. So a question is looked up as it came, and a name that no question can have has none.
 */
export type WireName = string & { readonly brand: 'WireName' };

/** RFC 1035, 2.3.4 */
const LONGEST_LABEL = 63;
/** With the root's label. */
export const LONGEST_NAME = 255;

/** Of a name with dots. Undefined when no question can ask for it: an empty label, or one that is too long. */
export function wireName(text: string): WireName | undefined {
  const labels = text.split('.');
  if (labels.some(({ length }) => length === 0 || length > LONGEST_LABEL)) return undefined;
  const name = labels.map((label) => String.fromCharCode(label.length) + label).join('');
  return name.length < LONGEST_NAME ? (name.toLowerCase() as WireName) : undefined;
}

/** The labels before `suffix`, which end where it begins; undefined when it does not end so. */
export const before = (name: WireName, suffix: WireName): WireName | undefined =>
  name.endsWith(suffix) ? (name.slice(0, -suffix.length) as WireName) : undefined;

/** Only where a message has it in full: no two labels of a name can be taken for another's. */
export function labelsOf(name: WireName): string[] {
  const labels = [];
  for (let at = 0; at < name.length; ) {
    const end = at + 1 + name.charCodeAt(at);
    labels.push(name.slice(at + 1, end));
    at = end;
  }
  return labels;
}
