import { readFile } from 'node:fs/promises'
import { Refused } from '../../shared/failure/index.ts'
import { FaultProfile, faultProfiles } from './faults.ts'

const example =
  '{"name": "twice", "steps": [{"atFraction": 0.3, "action": "kill", "target": "user", "ms": 2000}]}'

const refuse = (what: string, problems: { pointer: string; message: string }[] = []): never => {
  const list = problems.map(({ pointer, message }) => `\n  ${pointer}: ${message}`).join('')
  throw new Refused('invalid', `${what}${list}`, {
    code: 'fault.invalid',
    next: `write it like this: ${example}`,
    problems,
  })
}

/**
 * A profile by its name, or a JSON file of one's own by its path, which `pathFrom` may know better where to look for. Throws Refused that
 * says what is wrong, and where.
 */
export const readFaultProfile = async (
  nameOrFile: string,
  pathFrom: (path: string) => string = (path) => path,
): Promise<FaultProfile> => {
  const known = faultProfiles.find((profile) => profile.name === nameOrFile)
  if (known) return known
  const looksLikeFile = /[./\\]/.test(nameOrFile)
  const text = await readFile(pathFrom(nameOrFile), 'utf8').catch((error: NodeJS.ErrnoException) => {
    const names = faultProfiles.map((profile) => profile.name).join(', ')
    return refuse(
      looksLikeFile
        ? `the fault file ${nameOrFile} can't be read (${error.code})`
        : `there is no fault profile ${nameOrFile}; there are ${names}, or a JSON file of your own`,
    )
  })
  return parseFaultProfile(text, nameOrFile)
}

export const parseFaultProfile = (text: string, file: string): FaultProfile => {
  const result = FaultProfile.safeParse(parseJson(text, file))
  if (result.success) return result.data
  const problems = result.error.issues.map(({ path, message }) => ({
    pointer: path.length === 0 ? '(the whole)' : path.join('.'),
    message,
  }))
  return refuse(`the fault file ${file} is not a fault profile:`, problems)
}

const parseJson = (text: string, file: string): unknown => {
  try {
    return JSON.parse(text)
  } catch (error) {
    return refuse(`the fault file ${file} is not JSON: ${(error as Error).message}`)
  }
}
