/**
 * Whether a name is one of the time zone database, such as `Europe/Berlin`. As where zones are files, case matters and
 * offsets such as `+01:00` are no names.
 */
export function isTimeZone(name: string): boolean {
  try {
    return new Temporal.ZonedDateTime(0n, name).timeZoneId === name && !/^[-+]/.test(name)
  } catch {
    return false
  }
}
