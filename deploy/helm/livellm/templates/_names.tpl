{{- define "livellm.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "livellm.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "livellm.labels" -}}
{{ include "livellm.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "livellm.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "livellm.name" .) }}{{ else }}{{ .Values.serviceAccount.name | default "default" }}{{ end }}
{{- end }}

{{- /* True when every replica has the same database. */ -}}
{{- define "livellm.sharedDatabase" -}}
{{- if or .Values.existingSecret (hasPrefix "postgres" (.Values.secrets.DATABASE_URL | default "")) }}true{{ end }}
{{- end }}

{{- /* What cannot work is refused before anything is installed. */ -}}
{{- define "livellm.check" -}}
{{- $many := or .Values.autoscaling.enabled (gt (int .Values.replicas) 1) }}
{{- if and $many (not (include "livellm.sharedDatabase" .)) }}
{{- fail "more than one replica needs a PostgreSQL: put DATABASE_URL into existingSecret or secrets, or set replicas to 1 and autoscaling.enabled to false" }}
{{- end }}
{{- if not (or .Values.existingSecret .Values.secrets.LIVELLM_ADMIN_TOKEN (eq (toString (.Values.environment.LIVELLM_ALLOW_ANONYMOUS | default "0")) "1")) }}
{{- fail "the gateway serves no network without a token: put LIVELLM_ADMIN_TOKEN into existingSecret or secrets, or set environment.LIVELLM_ALLOW_ANONYMOUS to \"1\"" }}
{{- end }}
{{- if and $many (not (or .Values.existingSecret .Values.secrets.LIVELLM_MASTER_KEY)) }}
{{- fail "replicas share one master key: put LIVELLM_MASTER_KEY (openssl rand -hex 32) into existingSecret or secrets" }}
{{- end }}
{{- if hasKey .Values.environment "PORT" }}
{{- fail "the container's port is 8000: set service.port, and leave environment.PORT away" }}
{{- end }}
{{- if and .Values.autoscaling.enabled (not (or .Values.autoscaling.openStreams .Values.autoscaling.cpu)) }}
{{- fail "autoscaling needs something to scale by: set autoscaling.openStreams or autoscaling.cpu" }}
{{- end }}
{{- end }}

{{- define "livellm.liveness" -}}
{{- if and .Values.tls.secretName .Values.tls.clientCertificates -}}
tcpSocket: {port: 8000}
{{- else -}}
httpGet: {path: /ping, port: 8000{{ if .Values.tls.secretName }}, scheme: HTTPS{{ end }}}
{{- end }}
{{- end }}

{{- /* What the chart itself sets, by the names of variables; .Values.environment wins over it. */ -}}
{{- define "livellm.environment" -}}
HOST: 0.0.0.0
PORT: "8000"
LIVELLM_DRAIN_DELAY_MS: {{ mul .Values.shutdown.drainDelaySeconds 1000 | quote }}
LIVELLM_SHUTDOWN_GRACE_MS: {{ mul .Values.shutdown.graceSeconds 1000 | quote }}
LIVELLM_MAX_CONNECTION_AGE_MS: {{ mul .Values.connectionAgeSeconds 1000 | quote }}
{{- if .Values.configuration }}
LIVELLM_CONFIG: /etc/livellm/livellm.yaml
{{- end }}
{{- if .Values.tls.secretName }}
LIVELLM_TLS_CERT: /etc/livellm-tls/tls.crt
LIVELLM_TLS_KEY: /etc/livellm-tls/tls.key
{{- if .Values.tls.clientCertificates }}
LIVELLM_TLS_CLIENT_CA: /etc/livellm-tls/ca.crt
{{- end }}
{{- end }}
{{- end }}
