import { expect, test } from 'vitest';
import { z } from 'zod';
import { wrongLinesOf, wrongOf } from '../../src/domain/invalid.ts';
import { planSchema } from '../../src/domain/plan.ts';

const plan = { name: 'photos', engine: { type: 'files', path: '/srv' }, repository: 'nas' };

function wrong(document: unknown, schema: z.ZodType = planSchema): string {
  const checked = schema.safeParse(document);
  return checked.success ? '' : wrongOf(checked.error, schema, document);
}

test.each([
  [{ ...plan, repositroy: 'x' }, 'repositroy: is not a known field; did you mean repository?'],
  [{ ...plan, engine: { type: 'files', pth: '/srv' } }, 'engine.pth: is not a known field; did you mean path?'],
  [{ ...plan, deadlines: { runn: '1h' } }, 'deadlines.runn: is not a known field; did you mean run?'],
  [{ ...plan, placement: { agnet: 'nas-1' } }, 'placement.agnet: is not a known field; did you mean agent?'],
  [{ ...plan, repository: { pat: '/x' } }, 'repository.pat: is not a known field; did you mean path?'],
  [
    { ...plan, tolerate: { zzzz: 1 } },
    'tolerate.zzzz: is not a known field (known here: vanished, changed, unreadable)',
  ],
  [{ ...plan, engine: { type: 'fiels', path: '/srv' } }, 'engine.type: must be files'],
  [{ ...plan, engine: { path: '/srv' } }, 'engine.type: is missing'],
  [{ ...plan, engine: { type: 'files', path: 'srv' } }, 'engine.path: is not an absolute path'],
  [{ ...plan, onDrain: 'stop' }, 'onDrain: must be detach or suspend or finish or cancel'],
  [{ ...plan, name: 'Photos' }, 'name: is not a name'],
  [{ ...plan, engine: { type: 'files', path: '/srv', exclude: 'x' } }, 'engine.exclude: must be an array'],
  [{ name: 'photos', repository: 'nas' }, 'engine: is missing'],
  ['photos', 'the document must be an object'],
])('%j: %s', (document, says) => {
  expect(wrong(document)).toContain(says);
});

test('everything that is wrong is told in one line', () => {
  const text = wrong({ nmae: 'photos', engine: { type: 'files', path: '/srv' }, repository: 'nas' });
  expect(text).toContain('name: is missing');
  expect(text).toContain('nmae: is not a known field; did you mean name?');
  expect(text).not.toContain('\n');
});

test('a field of any name is shown escaped', () => {
  expect(wrong({ ...plan, 'a\u001b[2J\nb': 1 })).toContain('a\\x1b[2J\\nb: is not a known field');
});

test('fields inside lists and records are found', () => {
  const schema = z.strictObject({
    list: z.array(z.strictObject({ path: z.string() })),
    by: z.record(z.string(), z.strictObject({ size: z.string() })),
  });
  const text = wrong({ list: [{ pth: 'x' }], by: { one: { siez: '1' } } }, schema);
  expect(text).toContain('list.0.pth: is not a known field; did you mean path?');
  expect(text).toContain('by.one.siez: is not a known field; did you mean size?');
});

test('of a document with a thousand faults the first are told and the rest counted', () => {
  const schema = z.array(z.string());
  const checked = schema.safeParse(Array.from({ length: 1_000 }, () => 1));
  const lines = checked.success ? [] : wrongLinesOf(checked.error, schema);
  expect(lines).toHaveLength(21);
  expect(lines.at(-1)).toBe('and 980 more');
});
