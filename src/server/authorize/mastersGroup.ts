/** The group that may do everything, whatever roles say: the way back in when roles are broken. */
export const mastersGroup = 'system:masters'
