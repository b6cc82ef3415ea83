// Runs the whole surface of Vika's official JavaScript SDK against a simulator: for judge.py.
//
//     node judge.mjs http://127.0.0.1:8401

import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'

import { Vika } from '@vikadata/vika'

const CONTRACT = JSON.parse(readFileSync(new URL('contract.json', import.meta.url), 'utf8'))
const SAYS = CONTRACT.messages
const SPACE = 'spcHuiyinDemo'
const KEYS = CONTRACT.rows.map(row => row['群ID'])
const url = process.argv[2]

let checks = 0
let calls = 0
const wrong = []

const show = value => JSON.stringify(value) ?? String(value)

function same (what, found, right) {
  checks += 1
  if (!isDeepStrictEqual(found, right)) wrong.push(`${what}: ${show(found)}, expected ${show(right)}`)
}

// The SDK writes every refusal to the console.
console.error = () => {}

// Every answer as it was on the line, whoever asked.
const answers = []

function client ({ token = 'uskBot', ...options } = {}) {
  const made = new Vika({ token, host: `${url}/fusion/v1`, ...options })
  const note = response => {
    calls += 1
    answers.push(response)
    return response
  }
  made.axios.interceptors.response.use(note, error => {
    if (error.response) note(error.response)
    throw error
  })
  return made
}

// A call that has to succeed: its data.
async function data (what, call) {
  const result = await call
  same(what, [result.success, result.code, result.message], [true, 200, 'SUCCESS'])
  return result.data
}

// A call that has to be refused with this very code and message.
async function refused (what, call, code, message) {
  const { success, ...rest } = await call
  same(what, { success, code: rest.code, message: rest.message }, { success: false, code, message })
}

async function thrown (what, call, right) {
  const found = await call().then(
    () => 'nothing',
    error => error.message
  )
  same(what, found, right)
}

async function sim (method, path, body) {
  const response = await fetch(`${url}/_sim/${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body)
  })
  if (!response.ok) throw new Error(`/_sim/${path}: ${response.status}`)
  const text = await response.text()
  return text && JSON.parse(text)
}

async function newSheet (fields = CONTRACT.fields) {
  const made = await data('a new sheet', client().space(SPACE).datasheets.create({ name: '样表', fields }))
  return client().space(SPACE).datasheet(made.id)
}

// The four rows of the contract, and a column computed from another.
async function filled () {
  const sheet = await newSheet()
  const number = (await idsOf(sheet))['人数']
  const formula = { type: 'Formula', name: '双倍', property: { expression: `{${number}}*2` } }
  await data('a formula', sheet.fields.create(formula))
  await data('rows', sheet.records.create(CONTRACT.rows.map(fields => ({ fields }))))
  return sheet
}

const idsOf = async sheet =>
  Object.fromEntries((await data('fields', sheet.fields.list())).fields.map(({ id, name }) => [name, id]))
const query = async (what, sheet, params) => (await data(what, sheet.records.query(params))).records
const keys = records => records.map(record => record.fields['群ID'])
const byFormula = filterByFormula => ({ filterByFormula })
const pick = (from, names) => Object.fromEntries(names.filter(name => name in from).map(name => [name, from[name]]))

async function spacesAndNodes () {
  const made = client()
  const { spaces } = await data('spaces', made.spaces.list())
  same(
    'spaces',
    spaces.map(({ id, name }) => [id, name]),
    [[SPACE, '回音演示']]
  )
  const name = '节点甲'
  const sheet = (
    await data('a sheet', made.space(SPACE).datasheets.create({ name, fields: CONTRACT.fields.slice(0, 1) }))
  ).id
  const { nodes } = await data('nodes', made.nodes.list({ spaceId: SPACE }))
  same(
    'a node listed',
    pick(
      nodes.find(({ id }) => id === sheet),
      ['name', 'type', 'isFav']
    ),
    { name, type: 'Datasheet', isFav: false }
  )
  const node = await data('a node', made.nodes.get({ spaceId: SPACE, nodeId: sheet }))
  same('a node', [node.id, node.name], [sheet, name])
  const search = async params => {
    const found = await data(`nodes ${show(params)}`, made.nodes.search({ spaceId: SPACE, query: name, ...params }))
    return found.nodes.map(({ id, permission }) => [id, permission])
  }
  same('nodes found', await search({ type: 'Datasheet', permissions: [0, 1] }), [[sheet, 0]])
  same('nodes of other kinds', await search({ type: 'Folder' }), [])
  same('nodes that may only be read', await search({ type: 'Datasheet', permissions: [3] }), [])
  await refused("a stranger's space", made.nodes.list({ spaceId: 'spcElsewhere' }), 403, SAYS.stranger)
  await refused('no such node', made.nodes.get({ spaceId: SPACE, nodeId: 'fodNope' }), 600, SAYS.no_node)
}

async function sheetsAndFields () {
  const made = client().space(SPACE)
  const sheet = await newSheet()
  const { fields } = await data('fields', sheet.fields.list())
  same(
    'types',
    fields.map(({ name, type }) => [name, type]),
    CONTRACT.fields.map(({ name, type }) => [name, type])
  )
  for (const [name, property] of Object.entries(CONTRACT.properties)) {
    same(`property of ${name}`, fields.find(field => field.name === name).property, property)
  }
  same('the first field', fields.map(({ isPrimary }) => isPrimary === true).indexOf(true), 0)
  const { id } = await data(
    'a new field',
    sheet.fields.create({ type: 'Number', name: '新列', property: { precision: 0 } })
  )
  same('it is there', (await idsOf(sheet))['新列'], id)
  same('deleting it', await data('a field deleted', sheet.fields.delete(id)), {})
  same('it is gone', '新列' in (await idsOf(sheet)), false)
  await refused('deleting no field', sheet.fields.delete('fldNope'), 400, SAYS.no_field)
  await refused('deleting the first field', sheet.fields.delete(fields[0].id), 400, SAYS.first_field)
  for (const [field, message] of CONTRACT.bad_fields) {
    await refused(`field ${show(field)}`, sheet.fields.create(field), 400, message)
  }
  for (const [body, message] of CONTRACT.bad_sheets) {
    await refused(`sheet ${show(body)}`, made.datasheets.create(body), 400, message)
  }
  await refused('a sheet without a name', made.datasheets.create({}), 500, SAYS.nameless)
  await refused('a field without a name', sheet.fields.create({ type: 'Text' }), 500, SAYS.nameless)
  const { views } = await data('views', sheet.views.list())
  same(
    'views',
    views.map(({ id: view, name, type }) => [view.slice(0, 3), name, type]),
    [['viw', '维格视图', 'Grid']]
  )
  await data('a row', sheet.records.create([{ fields: { 群ID: 'a', 人数: 1 } }]))
  await sim('POST', 'columns', { sheet: sheet.datasheetId, column: '人数', action: 'hide' })
  const through = await query('through a view', sheet, { viewId: views[0].id })
  same('a hidden column', [through[0].fields['群ID'], through[0].fields['人数']], ['a', undefined])
  await refused('no such view', sheet.records.query({ viewId: 'viwBogus' }), 600, SAYS.no_node)
  await thrown(
    'a space has to be said',
    () => client().datasheet('dstAny').fields.create({}),
    'Please enter the spaceId parameter when building the space object to determine the space for the operation.'
  )
}

async function whatIsWrittenIsRead () {
  const sheet = await newSheet()
  const made = await data('rows', sheet.records.create(CONTRACT.rows.map(fields => ({ fields }))))
  same(
    'an answer to a POST',
    made.records.map(record => Object.keys(record).sort()),
    KEYS.map(() => ['fields', 'recordId'])
  )
  const ids = made.records.map(({ recordId }) => recordId)
  const { records } = await data('by ids', sheet.records.get(ids))
  same(
    'the rows made',
    records.map(({ recordId }) => recordId),
    ids
  )
  const row = records[0]
  same('as read', pick(row.fields, Object.keys(CONTRACT.read)), CONTRACT.read)
  same(
    'link as read',
    [row.fields['链接'].text, Object.keys(row.fields['链接']).sort()],
    ['https://example.com/a', ['favicon', 'text', 'title']]
  )
  same('member as read', [row.fields['负责人'][0].name, row.fields['负责人'][0].type], ['王经理', 'Member'])
  same('who', [row.fields['创建人'].name, row.fields['修改人'].name], ['机器人', '机器人'])
  same(
    'an empty cell',
    Object.keys(records[1].fields).sort(),
    ['创建人', '创建时间', '修改人', '修改时间', '群ID', '自增'].sort()
  )
  same('times to the second', [row.createdAt % 1000, row.updatedAt % 1000], [0, 0])
  for (const [written, read] of CONTRACT.dates) {
    const [record] = (await data(`time ${written}`, sheet.records.create([{ fields: { 时间: written } }]))).records
    const again = await data('again', sheet.records.get(record.recordId))
    same(`time ${written}`, again.records[0].fields['时间'] ?? null, read)
  }
}

async function refusals () {
  const sheet = await filled()
  for (const [fields, message] of CONTRACT.refusals) {
    await refused(`new row ${show(fields)}`, sheet.records.create([{ fields }]), 400, message)
  }
  const eleven = Array.from({ length: 11 }, () => ({ fields: { 群ID: 'x' } }))
  await refused('eleven rows', sheet.records.create(eleven), 400, SAYS.too_many)
  await refused(
    'one wrong row of two',
    sheet.records.create([eleven[0], { fields: { 人数: '3' } }]),
    400,
    CONTRACT.refusals[0][1]
  )
  same('nothing of it written', keys(await query('rows', sheet)), KEYS)
  await refused('no such sheet', client().datasheet('dstNope').records.query(), 301, SAYS.no_sheet)
}

async function changes () {
  const sheet = await filled()
  const [first, second] = await query('rows', sheet)
  const change = (recordId, fields) => sheet.records.update([{ recordId, fields }])
  const { records } = await data('a change', change(first.recordId, { 人数: 4, 阶段: null, 核准: false }))
  same(
    'the answer to a PATCH',
    [records[0].fields['人数'], records[0].fields['阶段'], records[0].updatedAt],
    [4, undefined, first.updatedAt]
  )
  const again = (await data('again', sheet.records.get([first.recordId]))).records[0].fields
  same('changed', [again['人数'], again['阶段'], again['核准']], [4, undefined, undefined])
  same(
    'unchanged',
    pick(again, ['群ID', '标签', '金额', '时间']),
    pick(CONTRACT.read, ['群ID', '标签', '金额', '时间'])
  )
  same('a later stamp', again['修改时间'] > first.fields['修改时间'], true)
  const both = [
    { recordId: second.recordId, fields: { 人数: 9 } },
    { recordId: 'recNope', fields: { 人数: 9 } }
  ]
  await refused('one row missing', sheet.records.update(both), 400, SAYS.no_record)
  same(
    'then none is changed',
    (await data('second', sheet.records.get(second.recordId))).records[0].fields['人数'],
    undefined
  )
  const eleven = Array.from({ length: 11 }, () => both[0])
  await refused('eleven changes', sheet.records.update(eleven), 400, SAYS.too_many)
  await refused('a change without an id', sheet.records.update([{ fields: { 人数: 9 } }]), 500, SAYS.without_id)
  await refused(
    'a change without fields',
    sheet.records.update([{ recordId: second.recordId }]),
    500,
    SAYS.without_fields
  )
  await thrown('no changes', () => sheet.records.update([]), 'records cant be empty')
  await thrown('no ids', () => sheet.records.get([]), 'recordIds cant be empty')

  await refused(
    'deleting one that is not there',
    sheet.records.delete([first.recordId, 'recNope']),
    400,
    SAYS.no_record
  )
  await refused('deleting none', sheet.records.delete([]), 400, SAYS.no_ids)
  same('then none is deleted', (await query('rows', sheet)).length, 4)
  same('deleted', await sheet.records.delete(first.recordId), { success: true, code: 200, message: 'SUCCESS' })
  await refused('deleted twice', sheet.records.delete([first.recordId]), 400, SAYS.no_record)
  same('what is left', keys(await query('rows', sheet)), KEYS.slice(1))
}

async function searches () {
  const sheet = await filled()
  for (const [formula, right] of CONTRACT.formulas) {
    const found = await sheet.records.query(byFormula(formula))
    same(`formula ${formula}`, found.success ? keys(found.data.records) : found, right)
  }
}

async function moreSearches () {
  const sheet = await filled()
  for (const formula of CONTRACT.wrong_formulas) {
    await refused(`formula ${formula}`, sheet.records.query(byFormula(formula)), 400, '')
  }
  const numbers = byFormula('{人数}>0')
  const sorted = (...sort) => query(`sort ${show(sort)}`, sheet, { ...numbers, sort })
  same('sorted downwards', keys(await sorted({ field: '人数', order: 'desc' })), ['g3', 'g1'])
  same('sorted upwards', keys(await sorted({ field: '人数', order: 'asc' })), ['g1', 'g3'])
  await refused(
    'sorted by nothing',
    sheet.records.query({ sort: [{ field: 'zz', order: 'asc' }] }),
    400,
    SAYS.unknown_sort
  )
  // It sends no numbers with its conditions, so that the service takes two for one.
  const two = [
    { field: '人数', order: 'desc' },
    { field: '均值', order: 'asc' }
  ]
  await refused('sorted by two', sheet.records.query({ sort: two }), 400, 'sort 参数指定的字段 "人数,均值" 不存在')
  const some = await query('some fields', sheet, { ...byFormula('{群ID}="g1"'), fields: ['群ID', '人数'] })
  same(
    'some fields',
    some.map(({ fields }) => fields),
    [{ 群ID: 'g1', 人数: 3 }]
  )
  await refused('fields that are not there', sheet.records.query({ fields: ['zz'] }), 400, SAYS.unknown_field)
  const shown = await query('as shown', sheet, { cellFormat: 'string' })
  same('as shown', pick(shown[0].fields, Object.keys(CONTRACT.shown)), CONTRACT.shown)
  same(
    'boxes as shown: ticked, never written, written unticked',
    shown.slice(0, 3).map(({ fields }) => fields['核准']),
    ['1', undefined, '0']
  )

  const ids = await idsOf(sheet)
  const byId = client({ fieldKey: 'id' }).datasheet(sheet.datasheetId)
  const rows = await query('by id', byId, {
    ...numbers,
    fields: [ids['群ID']],
    sort: [{ field: ids['人数'], order: 'desc' }]
  })
  same(
    'read by id',
    rows.map(({ fields }) => fields),
    [{ [ids['群ID']]: 'g3' }, { [ids['群ID']]: 'g1' }]
  )
  await data('written by id', byId.records.create([{ fields: { [ids['群ID']]: 'i1', [ids['人数']]: 5 } }]))
  await refused(
    'wrong by id',
    byId.records.create([{ fields: { [ids['人数']]: '3' } }]),
    400,
    `field:${ids['人数']} 数字字段的值必须是数字`
  )
  await refused(
    'a name where ids are said',
    byId.records.query({ fields: ['群ID'] }),
    400,
    '传入的 fields 不存在：群ID'
  )
  same('written by id', (await query('again', sheet, byFormula('{群ID}="i1"')))[0].fields['人数'], 5)
  await data('said with the call', sheet.records.create([{ fields: { [ids['群ID']]: 'i2' } }], 'id'))
  same('said with the call', (await query('again', sheet, byFormula('{群ID}="i2"'))).length, 1)
}

async function pages () {
  const sheet = await newSheet([CONTRACT.fields[0], CONTRACT.fields[4]])
  // Past the SDK, which would take twenty seconds for it.
  const fill = async (from, to) => {
    const records = Array.from({ length: to - from }, (_, n) => ({ fields: { 群ID: `r${from + n}`, 人数: from + n } }))
    for (let at = 0; at < records.length; at += 10) {
      const response = await fetch(`${url}/fusion/v1/datasheets/${sheet.datasheetId}/records`, {
        method: 'POST',
        headers: { authorization: 'Bearer uskBot', 'content-type': 'application/json' },
        body: JSON.stringify({ records: records.slice(at, at + 10) })
      })
      if (response.status !== 201) throw new Error(`rows: ${response.status}`)
    }
  }
  const every = async params => {
    const found = []
    for await (const page of sheet.records.queryAll(params)) found.push(page.map(({ fields }) => fields['人数']))
    return found
  }
  const range = (from, to) => Array.from({ length: to - from }, (_, n) => from + n)
  await fill(0, 1000)
  same('a thousand rows, and a page of none', await every(), [range(0, 1000), []])
  await fill(1000, 1005)
  same('more than a page', await every(), [range(0, 1000), range(1000, 1005)])
  same('found over pages', (await every(byFormula('{人数}>=2'))).flat().length, 1003)
  const shape = async params => {
    const { total, pageNum, pageSize, records } = await data(show(params), sheet.records.query(params))
    return [total, pageNum, pageSize, records.length]
  }
  same('a page unless told otherwise', await shape({}), [1005, 1, 100, 100])
  same('a page beyond the end', await shape({ pageSize: 1000, pageNum: 3 }), [1005, 3, 0, 0])
  same('everything in one answer', await shape({ pageSize: -1 }), [1005, 1, 1005, 1005])
  same('the second page of a most', await shape({ maxRecords: 150, pageNum: 2 }), [150, 2, 50, 50])
  const rows = await query('rows', sheet, { pageSize: 200 })
  const ids = rows.map(({ recordId }) => recordId)
  same('by their ids', (await data('ids', sheet.records.get([...ids.slice(0, 3), 'recNope']))).total, 3)
  same('ids are paged too', await shape({ recordIds: ids }), [200, 1, 100, 100])
  same('no ids are no condition', await shape({ recordIds: [] }), [1005, 1, 100, 100])
  await refused('eleven deleted', sheet.records.delete(ids.slice(0, 11)), 400, SAYS.too_many)
  await thrown('queryAll of a wrong formula', () => sheet.records.queryAll(byFormula('{没有}=1')).next(), '')
}

async function whoMay () {
  const sheet = await filled()
  const [row] = await query('rows', sheet)
  await refused('a token of nobody', client({ token: 'uskNobody' }).spaces.list(), 401, 'Unauthorized')
  await refused(
    'a write with it',
    client({ token: 'uskNobody' }).datasheet(sheet.datasheetId).records.delete('recAny'),
    401,
    'Unauthorized'
  )
  const manager = client({ token: 'uskManager' }).datasheet(sheet.datasheetId)
  await data('a tick', manager.records.update([{ recordId: row.recordId, fields: { 备注: '经理' } }]))
  same(
    'a token is a person',
    (await query('found', sheet, byFormula('{修改人}!="机器人"'))).map(({ fields }) => [
      fields['群ID'],
      fields['修改人'].name
    ]),
    [['g1', '王经理']]
  )
}

async function notSimulated () {
  const sheet = await newSheet()
  await refused('an attachment', sheet.upload(Buffer.from('sample'), { filename: 'sample.txt' }), 404, SAYS.no_route)
  await refused(
    'a field of attachments',
    sheet.fields.create({ type: 'Attachment', name: '附件' }),
    400,
    '[type]的值不正确'
  )
  await refused('a link to embed', sheet.createEmbedLink({ theme: 'light' }), 404, SAYS.no_route)
  await refused('links to embed', sheet.getEmbedLinks(), 404, SAYS.no_route)
  await refused('a link to embed no more', sheet.deleteEmbedLink('embNope'), 404, SAYS.no_route)
}

// With the limit on, in the SDK's own pace: five calls in a second of its clock, which may be six and more in a window.
async function rate () {
  const sheet = await newSheet()
  const id = sheet.datasheetId
  await sim('POST', 'settings', { rate_limit: 5 })
  try {
    const found = []
    for (let n = 0; n < 11; n += 1) found.push((await sheet.records.query({ pageSize: 1 })).code)
    same(
      'only these answers',
      found.filter(code => code !== 200 && code !== 429),
      []
    )
    same('most of them', found.filter(code => code === 200).length >= 6, true)
    // Somebody else with this token uses the window up; then the SDK asks, who has not counted that.
    const views = `${url}/fusion/v1/datasheets/${id}/views`
    let limited
    for (let tries = 0; tries < 5 && limited?.code !== 429; tries += 1) {
      await Promise.all(Array.from({ length: 12 }, () => fetch(views, { headers: { authorization: 'Bearer uskBot' } })))
      Vika.QPSMap.delete(id)
      limited = await sheet.views.list()
    }
    same(
      'too fast',
      [limited.success, limited.code, limited.message.slice(0, SAYS.rate.length)],
      [false, 429, SAYS.rate]
    )
    same(
      'the line',
      [answers.at(-1).status, 'retry-after' in answers.at(-1).headers, 'request-id' in answers.at(-1).headers],
      [429, false, false]
    )
  } finally {
    await sim('POST', 'settings', { rate_limit: 0 })
  }
}

async function badDays () {
  const sheet = await newSheet()
  const fault = (kind, more) => sim('POST', 'faults', { kind, sheet: sheet.datasheetId, ...more })
  await sim('POST', 'settings', { monthly_quota: 100 })
  await sim('POST', 'usage', { space: SPACE, used: 99 })
  same('the last call', (await query('rows', sheet)).length, 0)
  await refused('one more', sheet.records.query(), 403, SAYS.used_up)
  same('its status', answers.at(-1).status, 403)
  await sim('POST', 'settings', { monthly_quota: 0, row_limit: 1 })
  await data('the last row', sheet.records.create([{ fields: { 群ID: 'a' } }]))
  same('its status', answers.at(-1).status, 201)
  await refused('a row too many', sheet.records.create([{ fields: { 群ID: 'b' } }]), 304, SAYS.row_limit)
  same('its status', answers.at(-1).status, 500)
  await sim('POST', 'settings', { row_limit: 50000 })

  await fault('html')
  await thrown("a gateway's page", () => sheet.records.query(), 'Request failed with status code 502')
  await fault('drop_after', { method: 'POST' })
  await refused('cut after the work', sheet.records.create([{ fields: { 群ID: 'c' } }]), 'ECONNRESET', 'socket hang up')
  same('it was done', keys(await query('rows', sheet)), ['a', 'c'])
  await fault('swallow', { method: 'POST' })
  await data('said to be stored', sheet.records.create([{ fields: { 群ID: 'd' } }]))
  same('and not stored', keys(await query('rows', sheet)), ['a', 'c'])

  const impatient = client({ requestTimeout: 300 }).datasheet(sheet.datasheetId)
  await refused(
    'a page too big',
    impatient.records.query({ pageSize: 1001 }),
    'ECONNABORTED',
    'timeout of 300ms exceeded'
  )
  await refused('no rows', impatient.records.create([]), 'ECONNABORTED', 'timeout of 300ms exceeded')
  await sim('POST', 'settings', { hang: false })
  await refused('a page too big', sheet.records.query({ pageSize: 1001 }), 500, SAYS.page_size)
  same('its status', answers.at(-1).status, 200)
  await refused('no page', sheet.records.query({ pageNum: 0 }), 500, SAYS.page_num)
  await refused(
    'another field key',
    client({ fieldKey: 'x' }).datasheet(sheet.datasheetId).records.query(),
    500,
    SAYS.field_key
  )
  await refused('no rows', sheet.records.create([]), 500, SAYS.no_records)
  await sim('POST', 'settings', { hang: true })
}

// Every public method of the SDK's classes that send, and whether it was called.
function surface () {
  const made = new Vika({ token: 'any', host: url })
  const sheet = made.datasheet('dstAny')
  const methods = new Map()
  for (const prototype of [made, made.nodes, made.spaces, sheet, sheet.fields, sheet.views, sheet.records].map(
    Object.getPrototypeOf
  )) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
      // The window of a web page that a table is embedded in is no matter of the API.
      if (name === 'constructor' || name === 'getIframe' || typeof value !== 'function') continue
      const label = `${prototype.constructor.name}.${name}`
      methods.set(label, 0)
      prototype[name] = function counted (...given) {
        methods.set(label, methods.get(label) + 1)
        return value.apply(this, given)
      }
    }
  }
  return methods
}

async function run (section) {
  try {
    await section()
  } catch (error) {
    wrong.push(`${section.name} broke off: ${error.stack}`)
  }
}

const methods = surface()
await sim('POST', 'settings', { rate_limit: 0, blank_rows: false })
// Each on sheets of its own, since the SDK lets no more than five calls a second go to one.
await Promise.all(
  [
    spacesAndNodes,
    sheetsAndFields,
    whatIsWrittenIsRead,
    refusals,
    changes,
    searches,
    moreSearches,
    pages,
    whoMay,
    notSimulated
  ].map(run)
)
await run(rate)
await run(badDays)
same(
  'never called',
  [...methods].filter(([, times]) => times === 0).map(([name]) => name),
  []
)
if (wrong.length > 0) {
  process.stderr.write(`${wrong.join('\n')}\n`)
  process.exitCode = 1
} else {
  process.stdout.write(`${checks} checks, ${calls} calls\n`)
}
