namespace DistributedSockets;

/// <summary>Whether the content of an envelope can be read as it stands. Beside the version, so that neither uses up numbers of the other.</summary>
internal enum EnvelopeForm : byte
{
    /// <summary>As it stands.</summary>
    Clear = 1,

    /// <summary>Encrypted; see <see cref="SealedEnvelope"/>.</summary>
    Sealed = 2,
}
