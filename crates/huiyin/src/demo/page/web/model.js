// What the page knows, and what follows from it. No DOM here.

import { SOMEBODY } from './words.js'

/** The scene, fetched once, and the state, fetched every second. */
export const known = { scene: null, state: null, clockOffset: 0 }

/** The demo's time in milliseconds: the browser's clock may be another machine's. */
export function now () {
  return Date.now() + known.clockOffset
}

/** All rooms: those of the WeChat world, and those that Huiyin has heard of besides. */
export function rooms () {
  const heard = new Map((known.state?.rooms ?? []).map(room => [room.id, room]))
  const world = (known.scene?.world.rooms ?? []).map(room => {
    const told = heard.get(room.id)
    heard.delete(room.id)
    return { lines: [], ...told, id: room.id, topic: room.topic, members: room.member_ids }
  })
  return [...world, ...[...heard.values()].map(room => ({ ...room, members: [] }))]
}

/** The people of a room who can be played: everybody but our own account, customers first. */
export function speakers (room) {
  const { world } = known.scene
  const people = room.members
    .filter(id => id !== world.self)
    .map(id => ({ id, name: contact(id)?.name ?? SOMEBODY, team: teamOf(id) }))
  return [...people.filter(person => !person.team), ...people.filter(person => person.team)]
}

function contact (id) {
  return known.scene.world.contacts.find(contact => contact.id === id)
}

/** The team of somebody of ours; undefined for a customer. */
export function teamOf (id) {
  const entry = known.scene.company.roster.find(entry => entry.contacts.some(key => key.endsWith(`:${id}`)))
  return entry?.team ?? (contact(id)?.coworker ? 'other' : undefined)
}

const UNITS = { h: 3600, m: 60, s: 1 }

/** Seconds of a length such as `2m30s`. */
export function seconds (length) {
  return [...length.matchAll(/(\d+)\s*([hms])/g)].reduce((sum, [, n, unit]) => sum + n * UNITS[unit], 0)
}

/** Every step of a ladder, that of a stage `soft` or `promise`: `{ at: seconds, colour }`, repeats included. */
export function steps (name) {
  const ladder = known.scene?.company.ladders[name.replace('-', '_')]
  if (!ladder) return []
  const steps = ladder.rungs.map(rung => ({ at: seconds(rung.after), colour: rung.colour }))
  const { repeat } = ladder
  if (!repeat) return steps
  const every = seconds(repeat.every)
  const last = repeat.until ? seconds(repeat.until) : 0
  for (let at = (steps.at(-1)?.at ?? 0) + every; every > 0 && at <= last; at += every) {
    steps.push({ at, colour: repeat.colour })
  }
  return steps
}

/** How a room's wait stands: seconds waited, colour of the level reached, the step to come. */
export function waiting (room) {
  if (!room.waiting_since) return null
  const waited = Math.max(0, (now() - Date.parse(room.waiting_since)) / 1000)
  const all = steps(room.waits_for === 'request' ? room.stage : room.waits_for)
  const reached = all.filter(step => step.at <= waited).at(-1)
  return { waited, colour: reached?.colour, next: all.find(step => step.at > waited) }
}

/** `m:ss`, or `h:mm:ss`. */
export function minutes (length) {
  const whole = Math.floor(length)
  const two = n => String(n).padStart(2, '0')
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`
}

/** `HH:mm:ss` in the company's zone, as cards and tables have it. */
export function clock (at) {
  return new Date(at).toLocaleTimeString('zh-CN', { hour12: false, timeZone: known.scene.company.time_zone })
}
