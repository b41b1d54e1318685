{{/* What both pods share. Takes root, component and values (the component's). */}}
{{- define "saleor-segment.podMetadata" -}}
# Nothing here changes with the chart's version: pods restart only when they must.
labels:
  {{- with merge dict .values.podLabels .root.Values.commonLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- include "saleor-segment.selector" . | nindent 2 }}
annotations:
  kubectl.kubernetes.io/default-container: {{ .component }}
  {{- with .values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "saleor-segment.podSpec" -}}
serviceAccountName: {{ include "saleor-segment.serviceAccountName" . }}
# A Service of ours would else become variables that look like settings.
enableServiceLinks: false
terminationGracePeriodSeconds: {{ .values.terminationGracePeriodSeconds }}
securityContext:
  runAsNonRoot: true
  seccompProfile:
    type: RuntimeDefault
  {{- with .values.fsGroup }}
  fsGroup: {{ . | int64 }}
  fsGroupChangePolicy: OnRootMismatch
  {{- end }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{/* The beginning of a container. Takes root, component and values. */}}
{{- define "saleor-segment.container" -}}
image: {{ include "saleor-segment.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- with .values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/*
Probes of the private port. A start may take five minutes: a large journal is checked. Alive is the
process, ready is what may be sent traffic.
*/}}
{{- define "saleor-segment.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: private}
  periodSeconds: 1
  timeoutSeconds: 5
  failureThreshold: 300
livenessProbe:
  httpGet: {path: /healthz, port: private}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: private}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 2
{{- end -}}
