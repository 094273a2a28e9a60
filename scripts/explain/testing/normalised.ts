/** What differs from run to run: ids, times, spans, and how the marks of the confirms fell. */
export const normalised = (text: string): string =>
  text
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<id>')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
    .replace(/ \(confirm marked \d+ ms later\)/g, '')
    .replace(/ +\d+ ms {2}/g, 'N ms  ')
    .replace(/-?\d+ ms/g, 'N ms')
    .replace(/\b(placing|relay|queue|work|waiting) -?\d+/g, '$1 N')
    .replace(/ for N ms/g, '')
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
    .trim()
