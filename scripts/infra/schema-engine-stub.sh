#!/bin/sh
# Prisma's CLI wants a schema engine before it does anything, also for `generate`, which does not use one. This stands in
# for it and fails, so that a command that does need the engine says so instead of doing nothing.
echo "no schema engine here: migrations are applied by 'npm run migrate'" >&2
exit 1
