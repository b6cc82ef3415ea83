// The WeChat groups: who waits, who said what, and the composer with which one plays customer or salesperson.

import * as api from './api.js'
import { byId, el, keepEnd, keyed, setAttribute, setText } from './dom.js'
import { clock, known, minutes, rooms, speakers, teamOf, waiting } from './model.js'
import { act } from './notice.js'
import * as words from './words.js'

let chosen = null
/** What each room's player had in mind: who speaks, and the text begun. */
const minds = new Map()

function mind () {
  if (!minds.has(chosen)) minds.set(chosen, { speaker: null, draft: '' })
  return minds.get(chosen)
}

function room () {
  return rooms().find(room => room.id === chosen)
}

export function begin () {
  chosen = rooms()[0]?.id ?? null
  byId('composer').addEventListener('submit', event => {
    event.preventDefault()
    sayDraft()
  })
  const draft = byId('draft')
  draft.addEventListener('input', () => { mind().draft = draft.value })
  draft.addEventListener('keydown', event => {
    // An input method uses Enter to take a word over; that must not send.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
    event.preventDefault()
    sayDraft()
  })
  byId('presence').addEventListener('click', () => {
    const one = room()
    if (one) act(() => api.presence(one.id, one.unobserved), words.CANNOT_MOVE)
  })
  openRoom(chosen)
}

export function show () {
  if (!chosen) chosen = rooms()[0]?.id ?? null
  showList()
  showTalk()
}

/** What moves by itself between two answers of the server. */
export function tick () {
  if (!chosen) return
  for (const one of rooms()) showBadge(byId('room-list').querySelector(`[data-key="${CSS.escape(one.id)}"]`), one)
  showFacts()
}

export function uncovered () {
  const lines = byId('lines')
  lines.scrollTop = lines.scrollHeight
}

function showList () {
  keyed(byId('room-list'), rooms(), { key: room => room.id, create: listed, update: showListed })
}

function listed ({ id }) {
  return el('li', {}, el('button', { type: 'button', class: 'room', click: () => openRoom(id) },
    el('span', { class: 'face', 'aria-hidden': 'true' }),
    el('span', { class: 'room-name' }),
    el('span', { class: 'badge' }),
    el('span', { class: 'room-last' })))
}

function showListed (node, one) {
  const last = one.lines.at(-1)
  setAttribute(node.firstChild, 'aria-current', one.id === chosen ? 'true' : null)
  setText(node.querySelector('.face'), one.topic.replace(/^.*-/, '').slice(0, 1))
  setText(node.querySelector('.room-name'), one.topic)
  setText(node.querySelector('.room-last'), last ? `${last.name}：${last.text}` : words.QUIET)
  showBadge(node, one)
}

function showBadge (node, one) {
  const badge = node?.querySelector('.badge')
  if (!badge) return
  const wait = waiting(one)
  badge.className = wait ? `badge on c-${wait.colour ?? 'none'}` : 'badge'
  setText(badge, wait ? words.WAITING(minutes(wait.waited), one.waits_for) : one.lines.length ? words.NOT_WAITING : '')
}

function openRoom (id) {
  chosen = id
  byId('draft').value = mind().draft
  byId('lines').replaceChildren()
  show()
  uncovered()
}

function showTalk () {
  const one = room()
  if (!one) return
  setText(byId('talk-title'), one.topic)
  showPresence(one)
  showFacts()
  showSpeakers(one)
  keepEnd(byId('lines'), () => showLines(one))
}

/** Our account can be removed and brought back where a gateway's world is played on. */
function showPresence (one) {
  const button = byId('presence')
  button.hidden = !known.scene?.gateway
  setText(button, one.unobserved ? words.BRING_BACK : words.REMOVE)
}

/** Owner, stage, and when the next card is due. */
function showFacts () {
  const one = room()
  if (!one) return
  const facts = [one.owner ? words.OWNER(one.owner) : words.NO_OWNER]
  if (one.stage) facts.push(words.STAGE[one.stage] ?? one.stage)
  const wait = waiting(one)
  if (wait?.next) facts.push(words.NEXT_CARD(minutes(Math.ceil(wait.next.at - wait.waited)), words.COLOUR[wait.next.colour]))
  setText(byId('talk-facts'), facts.join(' · '))
}

function showLines (one) {
  const empty = { empty: true }
  keyed(byId('lines'), one.lines.length ? numbered(one.lines) : [empty], {
    key: line => line.empty ? 'empty' : line.key,
    create: line => line.empty ? el('p', { class: 'empty', text: words.NO_LINES }) : bubble(line),
  })
}

/** Lines have no ids: the same words of the same person at the same moment are told apart by counting. */
function numbered (lines) {
  const seen = new Map()
  return lines.map(line => {
    const key = `${line.at}|${line.talker}|${line.text}`
    const nth = seen.get(key) ?? 0
    seen.set(key, nth + 1)
    return { ...line, key: `${key}|${nth}` }
  })
}

function bubble ({ talker, name, at, text }) {
  const team = teamOf(talker)
  return el('div', { class: team ? 'line staff' : 'line customer' },
    el('p', { class: 'who' }, el('b', { text: name || words.SOMEBODY }),
      el('span', { text: team ? words.TEAM[team] : words.CUSTOMER }), el('time', { datetime: at, text: clock(at) })),
    el('p', { class: 'bubble', text }))
}

function showSpeakers (one) {
  const people = speakers(one)
  if (!people.some(person => person.id === mind().speaker)) mind().speaker = people[0]?.id
  keyed(byId('speakers'), people, { key: person => `${one.id}/${person.id}`, create: speakerChip, update: showChip })
  showPhrases(people.find(person => person.id === mind().speaker))
}

function speakerChip (person) {
  const choose = () => {
    mind().speaker = person.id
    showPhrases(person)
  }
  const radio = el('input', { type: 'radio', name: 'speaker', value: person.id, change: choose })
  return el('label', { class: person.team ? 'speaker staff' : 'speaker customer' }, radio,
    el('span', {}, `${person.name} `, el('small', { text: person.team ? words.TEAM[person.team] : words.CUSTOMER })))
}

function showChip (node, person) {
  node.querySelector('input').checked = person.id === mind().speaker
}

function showPhrases (person) {
  if (!person) return
  const kind = person.team ? 'staff' : 'customer'
  byId('draft').placeholder = words.DRAFT(person.name)
  keyed(byId('phrases'), words.PHRASES[kind], {
    key: phrase => `${kind}/${phrase}`,
    create: phrase => el('button', { type: 'button', class: 'phrase', text: phrase, click: () => sayNow(phrase) }),
  })
}

async function sayDraft () {
  const text = byId('draft').value.trim()
  if (!text) return
  const where = chosen
  const sent = await sayNow(text)
  if (!sent) return
  minds.get(where).draft = ''
  if (where === chosen) byId('draft').value = ''
}

/** Says it; whoever has just spoken wants to see it, so the end of the conversation is shown. */
async function sayNow (text) {
  uncovered()
  const { speaker } = mind()
  return speaker && act(() => api.say(chosen, speaker, text), words.CANNOT_SAY)
}
