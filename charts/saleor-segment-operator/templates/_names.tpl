{{/*
What all objects begin with: the release's name, if it says what this is, else with ours behind it.
42 characters leave room for the longest suffix and for what controllers append. Operator and server
are told it as their release.
*/}}
{{- define "saleor-segment.fullname" -}}
{{- $name := .Values.nameOverride | default "saleor-segment" -}}
{{- $release := .Release.Name | trimSuffix "-operator" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains $name $release -}}
{{- $release | trunc 42 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" $release $name | trunc 42 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels that never change: selectors and volume claims are immutable. Takes root and component. */}}
{{- define "saleor-segment.selector" -}}
app.kubernetes.io/name: {{ .root.Values.nameOverride | default "saleor-segment" }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{/* Labels of every object. Takes root and component. */}}
{{- define "saleor-segment.labels" -}}
{{- with .root.Values.commonLabels }}
{{- toYaml . }}
{{ end -}}
{{ include "saleor-segment.selector" . }}
app.kubernetes.io/part-of: saleor-segment
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Name of a daemon's ServiceAccount. Takes root and component. */}}
{{- define "saleor-segment.serviceAccountName" -}}
{{- $account := (index .root.Values .component).serviceAccount -}}
{{- if $account.name -}}
{{- $account.name -}}
{{- else if $account.create -}}
{{- printf "%s-%s" (include "saleor-segment.fullname" .root) .component -}}
{{- else -}}
default
{{- end -}}
{{- end -}}

{{/* The Secret with the internal token, under the key token. */}}
{{- define "saleor-segment.internalToken" -}}
{{- .Values.internalToken.existingSecret | default (printf "%s-internal-token" (include "saleor-segment.fullname" .)) -}}
{{- end -}}

{{/* The host of webhook.publicUrl, without a port. */}}
{{- define "saleor-segment.host" -}}
{{- (urlParse .Values.webhook.publicUrl).host | regexFind "^[^:]+" -}}
{{- end -}}

{{/* Every address of a pod, in the family it listens on. */}}
{{- define "saleor-segment.everyAddress" -}}
{{- ternary "[::]" "0.0.0.0" (eq (.Values.ipFamily | default "IPv4") "IPv6") -}}
{{- end -}}

{{- define "saleor-segment.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}
{{- end -}}
