// The arguments of methods, bytes to values and back, by what the specification says of each (`methodLayouts`). What is sent
// and received by the thousand, such as publishes, deliveries and acks, has code of its own elsewhere; this is for all the rest.
import type { ByteReader } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import { FieldTable } from './field-table.ts';
import { type Method, methodLayouts } from './methods.generated.ts';

/** What a reserved field is written as, and how the reader and the writer call each type. */
const zeroes = {
  octet: 0,
  short: 0,
  long: 0,
  longlong: 0,
  shortstr: '',
  longstr: new Uint8Array(0),
  table: FieldTable.empty,
};

interface Field {
  readonly type: keyof typeof zeroes | 'bit';
  /** Empty for a reserved field. */
  readonly name: string;
  /** Of a bit: its place in the octet that it shares with its neighbours. */
  readonly mask: number;
  /** Whether a bit is the last one of its octet. */
  readonly endsOctet: boolean;
}

interface Layout {
  readonly name: string;
  readonly fields: readonly Field[];
}

type Arguments = Record<string, unknown>;

const layoutsById = new Map<number, Layout>();
const layoutsByName = new Map<string, Layout>();
for (const [name, [id, text]] of Object.entries(methodLayouts)) {
  const layout = { name, fields: fieldsOf(text) };
  layoutsById.set(id, layout);
  layoutsByName.set(name, layout);
}

function fieldsOf(text: string): Field[] {
  const words = text.split(' ').filter((word) => word !== '');
  let mask = 1;
  return words.map((word, index) => {
    const [type, name] = word.split(':') as [Field['type'], string];
    // No method has more than eight bits side by side.
    const endsOctet = type === 'bit' && !words[index + 1]?.startsWith('bit:');
    const field = { type, name, mask, endsOctet };
    mask = type === 'bit' && !endsOctet ? mask << 1 : 1;
    return field;
  });
}

/** Decodes the arguments of the method `id`; undefined when the specification knows no such method. */
export function decodeMethod(id: number, reader: ByteReader): Method | undefined {
  const layout = layoutsById.get(id);
  if (!layout) return undefined;
  const method: Arguments = { name: layout.name };
  let bits = 0;
  for (const { type, name, mask } of layout.fields) {
    if (type === 'bit' && mask === 1) bits = reader.octet();
    const value = type === 'bit' ? (bits & mask) !== 0 : reader[type]();
    if (name !== '') method[name] = value;
  }
  return method as unknown as Method;
}

/** Encodes the arguments of a method, without its ids. Throws when a value does not fit its field. */
export function encodeMethod(method: Method, writer: ByteWriter): void {
  const values = method as unknown as Arguments;
  let bits = 0;
  for (const { type, name, mask, endsOctet } of layoutsByName.get(method.name)!.fields) {
    if (type !== 'bit') {
      writer[type]((name === '' ? zeroes[type] : values[name]) as never);
      continue;
    }
    if (name !== '' && values[name]) bits |= mask;
    if (!endsOctet) continue;
    writer.octet(bits);
    bits = 0;
  }
}
