import { writeFileSync } from 'node:fs';

const marks: [string, number][] = [];
export const M = (name: string): void => void marks.push([name, performance.now()]);
process.on('exit', () => {
  if (process.argv.includes('agent')) writeFileSync(`/tmp/marks/${process.pid}.json`, JSON.stringify(marks));
});
