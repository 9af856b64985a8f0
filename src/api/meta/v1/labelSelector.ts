// How objects are chosen by their labels.
/** Objects that meet all requirements; an empty selector matches everything. @atomic */
export interface LabelSelector {
  /** Labels and the values that they must have. */
  matchLabels?: Record<string, string>
  /** Further requirements. */
  matchExpressions?: LabelSelectorRequirement[]
}

/** A label, an operator and values. */
export interface LabelSelectorRequirement {
  /** The label. */
  key: string
  /** How the label's value relates to `values`. */
  operator: LabelSelectorOperator
  /** Some for `In` and `NotIn`, none for `Exists` and `DoesNotExist`. */
  values?: string[]
}

/** A field, an operator and values. */
export interface FieldSelectorRequirement {
  /** The field. */
  key: string
  /** How the field's value relates to `values`. */
  operator: LabelSelectorOperator
  /** Some for `In` and `NotIn`, none for `Exists` and `DoesNotExist`. */
  values?: string[]
}

/** How a label's value is compared. @unlisted */
export type LabelSelectorOperator = 'In' | 'NotIn' | 'Exists' | 'DoesNotExist'
