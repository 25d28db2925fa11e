# The gateway as an image: `docker build -t livellm .`
# With what the local engine needs to write down speech, 150 MB more: `docker build --target with-local-engine -t livellm:local .`
ARG NODE_IMAGE=node:24-bookworm-slim

# What the gateway needs while it runs. Optional packages are left out: they are Node itself, which the image has.
FROM ${NODE_IMAGE} AS packages
WORKDIR /app
COPY package.json package-lock.json ./
COPY tools/node/package.json tools/node/
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
COPY tools/node/package.json tools/node/
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run build --silent && npm run build:web --silent

FROM build AS local-engine
RUN LIVELLM_LOCAL_ENGINE=/local-engine npm run setup:local --silent

FROM ${NODE_IMAGE} AS gateway
ENV NODE_ENV=production \
    NODE_OPTIONS=--max-semi-space-size=32 \
    HOST=0.0.0.0 \
    PORT=8000 \
    DATABASE_URL=sqlite:/data/livellm.db
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY bin bin
COPY catalogue catalogue
COPY package.json LICENSE ./
RUN mkdir /data && chown 1000:1000 /data
USER 1000:1000
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["node", "bin/livellm.js", "healthcheck"]
ENTRYPOINT ["node", "bin/livellm.js"]
CMD ["serve"]

FROM gateway AS with-local-engine
COPY --from=local-engine /local-engine /local-engine
ENV LIVELLM_LOCAL_ENGINE=/local-engine

# What is built when no target is named.
FROM gateway
