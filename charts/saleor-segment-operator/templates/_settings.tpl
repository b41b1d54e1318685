{{/* Each value below a settings key as the environment variable of that name. */}}
{{- define "saleor-segment.settings" -}}
{{- range $name, $value := . }}
{{- if kindIs "slice" $value }}
{{- $value = join "," $value }}
{{- else if kindIs "float64" $value }}
{{- $value = int64 $value }}
{{- end }}
{{- if not (or (kindIs "invalid" $value) (eq (toString $value) "")) }}
- name: SALEOR_SEGMENT_{{ $name | snakecase | upper }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/* What every process of this release is told. Takes root and the settings besides. */}}
{{- define "saleor-segment.env" -}}
- name: SALEOR_SEGMENT_RELEASE
  value: {{ include "saleor-segment.fullname" .root }}
- name: SALEOR_SEGMENT_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: SALEOR_SEGMENT_PIPELINE_SHARDS
  value: {{ .root.Values.pipelineShards | int64 | quote }}
{{- include "saleor-segment.settings" (merge dict .root.Values.settings .settings) }}
{{- end -}}
