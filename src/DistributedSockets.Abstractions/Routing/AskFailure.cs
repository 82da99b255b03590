namespace DistributedSockets;

/// <summary>Why a client that was asked gave no answer.</summary>
public enum AskFailure
{
    /// <summary>There is no such connection, so nobody was asked.</summary>
    NotFound,

    /// <summary>No answer came within the time. The client may have got the question, and may still answer it.</summary>
    NoAnswer,

    /// <summary>The connection ended, or had begun to end, before an answer came.</summary>
    ClientGone,

    /// <summary>As many questions are open as may be, to this client or in a process. The client was not asked.</summary>
    TooManyQuestions,
}
