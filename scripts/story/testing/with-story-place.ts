import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { services } from '../../../shared/contracts/index.ts'
import { projectRoot } from '../../infra/index.ts'
import { type Place, withPlace } from '../../testing/with-place.ts'
import { logFileOf } from '../processes.ts'

/** A place in which `npm start` leaves no logs either. */
export const withStoryPlace = (use: (place: Place) => Promise<void>) =>
  withPlace(async (place) => {
    try {
      await use(place)
    } finally {
      for (const service of services) {
        const file = logFileOf(service, place.env.SAGA_NAMESPACE ?? '')
        await rm(join(projectRoot, file), { force: true })
      }
    }
  })
