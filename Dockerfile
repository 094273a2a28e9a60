# One image for the migration step and the three services; the command says which.

FROM node:20-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
# Without "optional" too: npm counts the generator, an optional peer of @prisma/client, as that and not as "dev" alone.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

# The generator is a development dependency, so the clients are made in a stage of their own.
FROM packages AS build
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json ./
COPY prisma ./prisma
COPY scripts ./scripts
COPY shared ./shared
RUN node scripts/run.mjs generate

FROM node:20-slim AS runtime
WORKDIR /app
# Refuses the usual development credentials (see shared/config).
ENV NODE_ENV=production HOST=0.0.0.0
COPY --from=packages /app/node_modules ./node_modules
# The one optional package that tsx needs: esbuild's program for this processor.
COPY --from=build /app/node_modules/@esbuild ./node_modules/@esbuild
COPY --from=build /app/generated ./generated
COPY package.json tsconfig.json ./
COPY prisma ./prisma
COPY scripts ./scripts
COPY shared ./shared
COPY services ./services
USER node
EXPOSE 8000 8001 8002
# No shell and no npm in between: SIGTERM reaches Node, which stops in order.
CMD ["node", "--import", "tsx", "services/order/main.ts"]
